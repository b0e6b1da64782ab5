import argparse

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset, random_split


def get_args():
    p = argparse.ArgumentParser(description="self-noise of an airfoil section")
    p.add_argument("--lr", type=float, default=2e-5)
    p.add_argument("--epochs", type=int, default=30)
    p.add_argument("--batch-size", type=int, default=64)
    p.add_argument("--hidden", type=int, default=48)
    return p.parse_args()


def tunnel_runs(n, rng):
    freq = rng.uniform(np.log10(200), np.log10(20000), n)
    angle = rng.uniform(0, 20, n)
    chord = rng.uniform(0.03, 0.30, n)
    speed = rng.uniform(30, 72, n)
    thick = rng.uniform(0.0005, 0.05, n)
    peak = 3.4 + 0.5 * np.log10(speed / 50) - 0.4 * np.log10(chord / 0.1) - 0.02 * angle
    level = 118 + 50 * np.log10(speed / 50) + 8 * np.log10(thick / 0.01) - 14 * (freq - peak) ** 2
    level += 4 * np.tanh((angle - 11) / 2)
    level += rng.normal(0, 0.6, n)
    return np.stack([freq, angle, chord, speed, np.log(thick)], 1), level


def standardise(a, ref):
    return (a - ref.mean(0)) / ref.std(0)


def main():
    args = get_args()
    torch.manual_seed(5)
    feats, level = tunnel_runs(2500, np.random.default_rng(5))
    x = torch.tensor(standardise(feats, feats), dtype=torch.float32)
    db_std = level.std()
    y = torch.tensor(standardise(level, level), dtype=torch.float32)
    train_set, test_set = random_split(TensorDataset(x, y), [2000, 500])
    loader = DataLoader(train_set, batch_size=args.batch_size, shuffle=True)
    x_test, y_test = test_set[:]

    h = args.hidden
    model = nn.Sequential(nn.Linear(5, h), nn.GELU(), nn.Linear(h, h), nn.GELU(), nn.Linear(h, 1))
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=1e-4)

    for epoch in range(args.epochs):
        total = 0.0
        for xb, yb in loader:
            loss = F.smooth_l1_loss(model(xb).squeeze(1), yb)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        with torch.no_grad():
            mae = F.l1_loss(model(x_test).squeeze(1), y_test).item() * db_std
        print(f"epoch {epoch:3d}   train {total / len(loader):.5f}   test MAE {mae:.2f} dB")

    print(f"final MAE: {mae:.2f} dB")


if __name__ == "__main__":
    main()
