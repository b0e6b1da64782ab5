import argparse

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset


def get_args():
    p = argparse.ArgumentParser()
    p.add_argument("--epochs", type=int, default=12)
    p.add_argument("--micro-batch", type=int, default=16)
    p.add_argument("--accumulate", type=int, default=4, help="micro-batches per optimizer step")
    p.add_argument("--lr", type=float, default=3e-3)
    return p.parse_args()


def damped_oscillations(n, rng, length=40):
    """Noisy decaying oscillations; the label is (frequency, damping), both scaled to mean 0 and spread 1."""
    t = np.linspace(0, 1, length)
    freq = rng.uniform(1.0, 5.0, n)
    damp = rng.uniform(0.5, 4.0, n)
    x = np.exp(-damp[:, None] * t) * np.cos(2 * np.pi * freq[:, None] * t)
    x = x + 0.03 * rng.normal(size=x.shape)
    y = np.stack([(freq - 3.0) / (4.0 / 12 ** 0.5), (damp - 2.25) / (3.5 / 12 ** 0.5)], 1)
    return torch.tensor(2.5 * x).float(), torch.tensor(y).float()


class Estimator(nn.Module):
    def __init__(self, length=40, width=64):
        super().__init__()
        self.inp = nn.Linear(length, width)
        self.mid = nn.Linear(width, width)
        self.out = nn.Linear(width, 2)
        self.act = nn.SiLU()

    def forward(self, x):
        h = self.act(self.inp(x))
        h = h + self.act(self.mid(h))
        return self.out(h)


def main():
    args = get_args()
    torch.manual_seed(8)
    rng = np.random.default_rng(8)
    train = TensorDataset(*damped_oscillations(4096, rng))
    x_val, y_val = damped_oscillations(1000, rng)
    loader = DataLoader(train, batch_size=args.micro_batch, shuffle=True, drop_last=True)

    model = Estimator()
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=1e-2)
    updates = args.epochs * len(loader) // args.accumulate
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.05, total_iters=updates)
    criterion = nn.MSELoss()

    for epoch in range(1, args.epochs + 1):
        model.train()
        train_loss = 0.0
        optimizer.zero_grad()
        for i, (x, y) in enumerate(loader, start=1):
            loss = criterion(model(x), y)
            (loss / args.accumulate).backward()
            train_loss += loss.item()
            if i % args.accumulate == 0:
                optimizer.step()
                schedule.step()
                optimizer.zero_grad()
        model.eval()
        with torch.no_grad():
            val_loss = criterion(model(x_val), y_val).item()
        print(f"Epoch {epoch:02d}/{args.epochs}: train={train_loss / len(loader):.4f} val={val_loss:.4f}")

    with torch.no_grad():
        residual = (model(x_val) - y_val).pow(2).mean(0)
    r2 = 1 - residual / y_val.var(0)
    print(f"R2 frequency {r2[0]:.3f}, damping {r2[1]:.3f}")
    print(f"mean R2: {r2.mean():.4f}")


if __name__ == "__main__":
    main()
