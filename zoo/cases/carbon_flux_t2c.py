# Net ecosystem exchange of CO2 at a forest tower, from half-hourly weather.
# Negative values: the forest takes up carbon; positive: it breathes out.
import argparse

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

parser = argparse.ArgumentParser()
parser.add_argument("--records", type=int, default=4000)
parser.add_argument("--width", type=int, default=48)
parser.add_argument("--epochs", type=int, default=15)
parser.add_argument("--lr", type=float, default=2e-3)
args = parser.parse_args()

torch.manual_seed(23)
rng = np.random.default_rng(23)

hour = rng.uniform(0, 24, args.records)
season = rng.uniform(0, 2 * np.pi, args.records)
light = np.clip(np.sin((hour - 6) / 12 * np.pi), 0, None) * (900 + 500 * np.sin(season)) * rng.uniform(0.5, 1, args.records)
temp = 10 + 9 * np.sin(season - 0.4) + 4 * np.sin((hour - 9) / 12 * np.pi) + rng.normal(0, 2, args.records)
vpd = np.clip(0.05 * temp + 0.0006 * light + rng.normal(0, 0.15, args.records), 0, None)
soil = rng.uniform(0.1, 0.4, args.records)
uptake = 24 * light / (light + 450) * np.exp(-((temp - 18) / 16) ** 2) * np.exp(-0.4 * vpd) * np.minimum(1, soil / 0.25)
respiration = 2.2 * 2.0 ** ((temp - 10) / 10) * (0.6 + soil)
nee = respiration - uptake + rng.normal(0, 0.4, args.records)

columns = np.stack([light, temp, vpd, soil, np.sin(hour / 12 * np.pi), np.cos(hour / 12 * np.pi)], 1)
n_train = int(0.75 * args.records)
columns = (columns - columns[:n_train].mean(0)) / columns[:n_train].std(0)
target = (nee - nee[:n_train].mean()) / nee[:n_train].std()
X = torch.as_tensor(columns, dtype=torch.float32)
y = torch.as_tensor(target, dtype=torch.float32)


class FluxNet(nn.Module):
    def __init__(self, n_in, width):
        super().__init__()
        self.inp = nn.Linear(n_in, width)
        self.mid = nn.Linear(width, width)
        self.out = nn.Linear(width, 1)

    def forward(self, x):
        h = F.elu(self.inp(x))
        h = h + F.elu(self.mid(h))
        return F.softplus(self.out(h)).squeeze(1)


class Trainer:
    def __init__(self, model, lr):
        self.model = model
        self.optim = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=1e-4)

    def epoch(self, x, y, batch=64):
        losses = []
        for rows in torch.randperm(len(x)).split(batch):
            loss = F.mse_loss(self.model(x[rows]), y[rows])
            self.optim.zero_grad()
            loss.backward()
            self.optim.step()
            losses.append(loss.item())
        return sum(losses) / len(losses)

    @torch.no_grad()
    def r2(self, x, y):
        return 1 - F.mse_loss(self.model(x), y).item() / y.var().item()


trainer = Trainer(FluxNet(X.shape[1], args.width), args.lr)
for e in range(args.epochs):
    loss = trainer.epoch(X[:n_train], y[:n_train])
    print(f"{e + 1:3d}/{args.epochs}  mse {loss:.4f}  test r2 {trainer.r2(X[n_train:], y[n_train:]):.3f}")
print(f"NEE explained: {trainer.r2(X[n_train:], y[n_train:]):.3f}")
