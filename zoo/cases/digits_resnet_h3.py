import argparse

import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split


class Block(nn.Module):
    """Pre-norm residual MLP block, the branch starts as the identity."""

    def __init__(self, dim):
        super().__init__()
        self.lin1 = nn.Linear(dim, dim, bias=False)
        self.bn1 = nn.BatchNorm1d(dim)
        self.lin2 = nn.Linear(dim, dim, bias=False)
        self.bn2 = nn.BatchNorm1d(dim)
        nn.init.zeros_(self.bn2.weight)

    def forward(self, x):
        h = torch.relu(self.bn1(self.lin1(x)))
        h = self.bn2(self.lin2(h))
        return torch.relu(x + h)


def make_model(dim, depth):
    return nn.Sequential(
        nn.Linear(64, dim), nn.BatchNorm1d(dim), nn.ReLU(),
        *[Block(dim) for _ in range(depth)],
        nn.Linear(dim, 10),
    )


def accuracy(model, x, y):
    model.eval()
    with torch.no_grad():
        return (model(x).argmax(dim=1) == y).float().mean().item()


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--epochs", type=int, default=12)
    p.add_argument("--batch-size", type=int, default=64)
    p.add_argument("--lr", type=float, default=0.05)
    p.add_argument("--depth", type=int, default=5)
    p.add_argument("--dim", type=int, default=96)
    args = p.parse_args()

    torch.manual_seed(3)
    x, y = load_digits(return_X_y=True)
    xtr, xte, ytr, yte = train_test_split(x, y, test_size=0.2, random_state=0, stratify=y)
    mean, std = xtr.mean(), xtr.std()
    xtr, xte = [torch.tensor((a - mean) / std, dtype=torch.float32) for a in (xtr, xte)]
    ytr, yte = torch.tensor(ytr), torch.tensor(yte)

    model = make_model(args.dim, args.depth)
    loss_fn = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9, nesterov=True, weight_decay=5e-4)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=args.epochs)

    for epoch in range(args.epochs):
        model.train()
        perm = torch.randperm(len(xtr))
        total = 0.0
        for i in range(0, len(perm) - args.batch_size + 1, args.batch_size):
            idx = perm[i:i + args.batch_size]
            optimizer.zero_grad()
            loss = loss_fn(model(xtr[idx]), ytr[idx])
            loss.backward()
            optimizer.step()
            total += loss.item()
        scheduler.step()
        print(f"epoch {epoch:02d} train_loss {total / (i // args.batch_size + 1):.4f} val_acc {accuracy(model, xte, yte):.3f}")

    print("final accuracy = %.4f" % accuracy(model, xte, yte))


if __name__ == "__main__":
    main()
