import argparse

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class ConcreteMix(Dataset):
    """Laboratory cubes: six mix quantities and the age, strength in MPa."""

    def __init__(self, n, rng):
        cement = rng.uniform(150, 500, n)
        water = rng.uniform(130, 230, n)
        ash = rng.uniform(0, 180, n)
        plasticizer = rng.uniform(0, 20, n)
        gravel = rng.uniform(800, 1100, n)
        sand = rng.uniform(600, 950, n)
        age = np.exp(rng.uniform(np.log(3), np.log(180), n))
        ratio = water / (cement + 0.35 * ash)
        strength = 95 * np.exp(-1.5 * ratio) * (np.log(age + 1) / np.log(29)) ** 0.8
        strength = strength + 0.5 * plasticizer + 0.01 * (gravel - sand) + rng.normal(0, 1.0, n)
        features = np.stack([cement, water, ash, plasticizer, gravel, sand, np.log(age)], 1)
        self.x = torch.tensor((features - features.mean(0)) / features.std(0)).float()
        self.y = torch.tensor((strength - strength.mean()) / strength.std()).float()

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


class Strength(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.inp = nn.Linear(7, width)
        self.mid = nn.Linear(width, width)
        self.out = nn.Linear(width, 1)
        self.act = nn.GELU()

    def forward(self, x):
        h = self.act(self.inp(x))
        h = h + self.act(self.mid(h))
        return self.out(h)


def fit(model, loader, args):
    opt = torch.optim.RMSprop(model.parameters(), lr=args.lr)
    for epoch in range(args.epochs):
        losses = []
        for x, y in loader:
            pred = model(x)
            loss = ((pred - y) ** 2).mean()
            opt.zero_grad()
            loss.backward()
            opt.step()
            losses.append(loss.item())
        if epoch % 4 == 3:
            print(f"epoch {epoch + 1:3d}   mse {np.mean(losses):.4f}")


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--epochs", type=int, default=24)
    ap.add_argument("--lr", type=float, default=1e-3)
    ap.add_argument("--width", type=int, default=48)
    ap.add_argument("--batch", type=int, default=50)
    args = ap.parse_args()

    torch.manual_seed(33)
    rng = np.random.default_rng(33)
    train, test = torch.utils.data.random_split(ConcreteMix(1800, rng), [1500, 300])
    model = Strength(args.width)
    fit(model, DataLoader(train, batch_size=args.batch, shuffle=True), args)

    pairs = [(model(x.unsqueeze(0)).item(), y.item()) for x, y in test]
    pred, true = np.array(pairs).T
    print(f"explained variance on test cubes: {1 - np.mean((pred - true) ** 2) / np.var(true):.3f}")


if __name__ == "__main__":
    main()
