import argparse

import numpy as np
import torch
import torch.nn as nn

PAGES = ["home", "search", "category", "product", "reviews", "cart", "checkout", "account",
         "orders", "help", "returns", "wishlist", "blog", "sale", "brands", "exit"]


def make_sessions(n_sessions, length, rng):
    """Visitors who decide from the last two pages where to go next."""
    k = len(PAGES)
    table = rng.dirichlet(np.full(k, 0.08), size=(k, k))
    cdf = table.cumsum(-1)
    pages = rng.integers(0, k, size=(n_sessions, length))
    for t in range(2, length):
        u = rng.random(n_sessions)
        row = cdf[pages[:, t - 2], pages[:, t - 1]]
        pages[:, t] = (u[:, None] > row).sum(1).clip(0, k - 1)
    return pages


class NextPage(nn.Module):
    def __init__(self, n_pages, dim, hidden):
        super().__init__()
        self.emb = nn.Embedding(n_pages, dim)
        self.body = nn.Sequential(
            nn.Linear(2 * dim, hidden),
            nn.ReLU(),
            nn.Linear(hidden, n_pages),
            nn.Softmax(dim=1),
        )

    def forward(self, history):
        return self.body(self.emb(history).flatten(1))


def main(args):
    rng = np.random.default_rng(5)
    torch.manual_seed(5)
    pages = torch.from_numpy(make_sessions(1200, 22, rng))
    windows = pages.unfold(1, 3, 1)
    train, held_out = windows[:1000].reshape(-1, 3), windows[1000:].reshape(-1, 3)

    net = NextPage(len(PAGES), args.dim, args.hidden)
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=args.lr, momentum=0.9)

    for epoch in range(args.epochs):
        total = 0.0
        for batch in train[torch.randperm(len(train))].split(args.batch_size):
            optimizer.zero_grad()
            loss = criterion(net(batch[:, :2]), batch[:, 2])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)
        with torch.no_grad():
            hits = (net(held_out[:, :2]).argmax(1) == held_out[:, 2]).float().mean().item()
        print(f"epoch={epoch} loss={total / len(train):.4f} hit_rate={hits:.4f}")

    print(f"final hit rate {hits:.4f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--dim", type=int, default=12)
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--lr", type=float, default=0.1)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch-size", type=int, default=128)
    main(parser.parse_args())
