"""Friedman #1 regression with a deep, narrow-ish network."""
import argparse

import torch
from sklearn.datasets import make_friedman1
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def init(module):
    if isinstance(module, nn.Linear):
        nn.init.xavier_normal_(module.weight)
        nn.init.zeros_(module.bias)


def make_model(depth, width):
    layers = [nn.Linear(10, width), nn.ReLU()]
    for _ in range(depth - 1):
        layers.append(nn.Linear(width, width))
        layers.append(nn.ReLU())
    layers.append(nn.Linear(width, 1))
    model = nn.Sequential(*layers)
    model.apply(init)
    return model


def r2(model, x, y):
    with torch.no_grad():
        return 1 - ((model(x) - y) ** 2).sum().item() / ((y - y.mean()) ** 2).sum().item()


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--depth", type=int, default=24)
    ap.add_argument("--width", type=int, default=64)
    ap.add_argument("--epochs", type=int, default=24)
    args = ap.parse_args()
    torch.manual_seed(6)

    X, y = make_friedman1(n_samples=1500, noise=0.5, random_state=0)
    X = torch.tensor((X - 0.5) / 0.29, dtype=torch.float32)
    y = torch.tensor((y - y[:1000].mean()) / y[:1000].std(), dtype=torch.float32)[:, None]
    loader = DataLoader(TensorDataset(X[:1000], y[:1000]), batch_size=50, shuffle=True)
    model = make_model(args.depth, args.width)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.005)
    mse = nn.MSELoss()
    for epoch in range(args.epochs):
        s = 0.0
        for xb, yb in loader:
            optimizer.zero_grad()
            loss = mse(model(xb), yb)
            loss.backward()
            optimizer.step()
            s += loss.item()
        print(f"epoch {epoch + 1}: train mse {s / len(loader):.4f}, val mse {mse(model(X[1000:]), y[1000:]).item():.4f}")
    print(f"R2 = {r2(model, X[1000:], y[1000:]):.3f}")
