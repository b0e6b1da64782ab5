import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import make_friedman2
from sklearn.preprocessing import StandardScaler


def parse():
    p = argparse.ArgumentParser()
    p.add_argument("--depth", type=int, default=14)
    p.add_argument("--width", type=int, default=64)
    p.add_argument("--lr", type=float, default=0.01)
    p.add_argument("--batch", type=int, default=50)
    p.add_argument("--epochs", type=int, default=12)
    return p.parse_args([])


class Chain(nn.Module):
    def __init__(self, n_in, width, depth):
        super().__init__()
        self.inp = nn.Linear(n_in, width)
        self.hidden = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.out = nn.Linear(width, 1)
        nn.init.kaiming_normal_(self.inp.weight, nonlinearity="relu")
        nn.init.zeros_(self.inp.bias)
        for layer in self.hidden:
            nn.init.normal_(layer.weight, std=0.21)
            nn.init.zeros_(layer.bias)

    def forward(self, x):
        h = F.relu(self.inp(x))
        for layer in self.hidden:
            h = F.relu(layer(h))
        return self.out(h).squeeze(1)


def main():
    args = parse()
    torch.manual_seed(8)
    X, y = make_friedman2(n_samples=2500, noise=20.0, random_state=8)
    X = torch.tensor(StandardScaler().fit_transform(X), dtype=torch.float32)
    y = torch.tensor(StandardScaler().fit_transform(y[:, None])[:, 0], dtype=torch.float32)
    Xtr, ytr, Xte, yte = X[:2000], y[:2000], X[2000:], y[2000:]

    net = Chain(X.shape[1], args.width, args.depth)
    opt = torch.optim.SGD(net.parameters(), lr=args.lr)
    for epoch in range(args.epochs):
        order = torch.randperm(len(Xtr))
        total = 0.0
        for idx in order.split(args.batch):
            opt.zero_grad()
            loss = F.mse_loss(net(Xtr[idx]), ytr[idx])
            loss.backward()
            opt.step()
            total += loss.item() * len(idx)
        with torch.no_grad():
            test = F.mse_loss(net(Xte), yte).item()
        print(f"epoch {epoch:2d}  train mse {total / len(Xtr):.5g}  test mse {test:.5g}")

    with torch.no_grad():
        r2 = 1 - F.mse_loss(net(Xte), yte) / yte.var()
    print(f"R^2 on test: {r2.item():.4f}")


if __name__ == "__main__":
    main()
