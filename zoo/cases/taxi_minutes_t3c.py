# Trip duration (minutes) from pick-up zone, drop-off zone and hour of day
import math

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

np.random.seed(8)
torch.manual_seed(8)

N_ZONES = 49


def make_trips(n):
    start = np.random.randint(0, N_ZONES, n)
    end = np.random.randint(0, N_ZONES, n)
    hour = np.random.randint(0, 24, n)
    blocks = np.abs(start // 7 - end // 7) + np.abs(start % 7 - end % 7)
    rush = 1.0 + 0.6 * np.exp(-((hour - 8) / 2.0) ** 2) + 0.8 * np.exp(-((hour - 18) / 2.5) ** 2)
    minutes = (3.0 + 2.2 * blocks * rush) * np.exp(0.05 * np.random.randn(n))
    clock = np.stack([np.sin(2 * np.pi * hour / 24), np.cos(2 * np.pi * hour / 24)], axis=1)
    return TensorDataset(
        torch.tensor(start), torch.tensor(end),
        torch.tensor(clock, dtype=torch.float32),
        torch.tensor((minutes - 16.0) / 9.0, dtype=torch.float32),
    )


class DurationNet(nn.Module):
    def __init__(self, dim=8):
        super().__init__()
        self.zone = nn.Embedding(N_ZONES, dim)
        self.fc1 = nn.Linear(2 * dim + 2, 96)
        self.fc2 = nn.Linear(96, 48)
        self.out = nn.Linear(48, 1)

    def forward(self, start, end, clock):
        h = torch.cat([self.zone(start), self.zone(end), clock], dim=1)
        h = F.silu(self.fc1(h))
        h = F.silu(self.fc2(h))
        return self.out(h)


def log_cosh(pred, target):
    diff = pred - target
    return (diff + F.softplus(-2.0 * diff) - math.log(2.0)).mean()


train_loader = DataLoader(make_trips(6000), batch_size=100, shuffle=True)
test_loader = DataLoader(make_trips(1000), batch_size=500)
model = DurationNet()
opt = torch.optim.Adam(model.parameters(), lr=6e-3)

for epoch in range(14):
    model.train()
    losses = []
    for start, end, clock, target in train_loader:
        pred = model(start, end, clock)
        loss = log_cosh(pred, target)
        opt.zero_grad()
        loss.backward()
        opt.step()
        losses.append(loss.item())
    print("epoch", epoch + 1, "log-cosh", round(sum(losses) / len(losses), 4))

model.eval()
guess, truth = [], []
with torch.no_grad():
    for start, end, clock, target in test_loader:
        guess += model(start, end, clock).flatten().tolist()
        truth += target.tolist()
guess, truth = np.array(guess) * 9.0 + 16.0, np.array(truth) * 9.0 + 16.0
print("typical trip:", round(truth.mean(), 1), "min")
print(f"mean absolute error on new trips: {np.abs(guess - truth).mean():.3f} min")
