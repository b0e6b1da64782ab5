import argparse

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset


def simulate(n_flights, length, rng):
    """Pressure altitude and airspeed over a short window -> climb rate one step later."""
    climb = np.zeros((n_flights, length + 1))
    climb[:, 0] = rng.normal(0, 1.5, n_flights)
    lift = rng.normal(0, 1.0, n_flights)
    for k in range(length):
        lift = 0.97 * lift + 0.25 * rng.normal(size=n_flights)
        climb[:, k + 1] = 0.9 * climb[:, k] + 0.35 * lift
    speed = 25 + 1.5 * np.roll(climb, 1, axis=1) + rng.normal(0, 0.3, climb.shape)
    altitude = 900 + np.cumsum(climb, axis=1) + rng.normal(0, 0.05, climb.shape)
    altitude = altitude - altitude[:, :1]
    windows = np.stack([altitude[:, :-1], speed[:, :-1]], axis=2)
    return windows, climb[:, -1]


class ClimbGRU(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.rnn = nn.GRU(2, hidden, batch_first=True)
        self.head = nn.Sequential(nn.Linear(hidden, 16), nn.Tanh(), nn.Linear(16, 1), nn.Sigmoid())

    def forward(self, x):
        out, _ = self.rnn(x)
        return self.head(out[:, -1])[:, 0]


def main(args):
    torch.manual_seed(4)
    rng = np.random.default_rng(4)
    x, y = simulate(2400, 16, rng)
    x = (x - x[:1800].mean((0, 1))) / x[:1800].std((0, 1))
    y = (y - y[:1800].mean()) / y[:1800].std()
    x, y = torch.tensor(x, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)
    loader = DataLoader(TensorDataset(x[:1800], y[:1800]), batch_size=args.batch_size, shuffle=True)

    model = ClimbGRU(args.hidden)
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=1e-4)
    loss_fn = nn.MSELoss()

    for epoch in range(args.epochs):
        running = 0.0
        for xb, yb in loader:
            optimizer.zero_grad()
            loss = loss_fn(model(xb), yb)
            loss.backward()
            optimizer.step()
            running += loss.item() * len(xb)
        if (epoch + 1) % 4 == 0:
            with torch.no_grad():
                val = loss_fn(model(x[1800:]), y[1800:]).item()
            print(f"epoch {epoch + 1}/{args.epochs} - loss: {running / 1800:.4f} - val_loss: {val:.4f}")

    with torch.no_grad():
        rmse = (model(x[1800:]) - y[1800:]).pow(2).mean().sqrt()
    print(f"validation RMSE (in standard deviations): {rmse:.4f}")


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("--epochs", type=int, default=24)
    p.add_argument("--batch-size", type=int, default=50)
    p.add_argument("--hidden", type=int, default=24)
    p.add_argument("--lr", type=float, default=4e-3)
    main(p.parse_args())
