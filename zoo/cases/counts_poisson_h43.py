"""Bike rentals per hour (simulated): a Poisson regression net."""
import math
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader


class Rentals(Dataset):
    def __init__(self, n, rng):
        hour = rng.integers(0, 24, n)
        temp = rng.normal(15, 8, n)
        rain = (rng.random(n) < 0.2).astype(float)
        rate = np.exp(1.6 + 1.2 * np.exp(-((hour - 8) / 2.0) ** 2) + 1.4 * np.exp(-((hour - 18) / 2.5) ** 2)
                      + 0.03 * (temp - 15) - 0.8 * rain)
        self.y = torch.tensor(rng.poisson(rate), dtype=torch.float32)
        self.rate = torch.tensor(rate, dtype=torch.float32)
        angle = 2 * math.pi * hour / 24
        feats = [np.sin(angle), np.cos(angle), np.sin(2 * angle), np.cos(2 * angle), (temp - 15) / 8, rain]
        self.x = torch.tensor(np.stack(feats, 1), dtype=torch.float32)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


torch.manual_seed(55)
rng = np.random.default_rng(55)
train, test = Rentals(2000, rng), Rentals(600, rng)
loader = DataLoader(train, batch_size=64, shuffle=True)

model = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1))
loss_fn = nn.PoissonNLLLoss(log_input=True)
opt = torch.optim.Adam(model.parameters(), lr=2e-3)

for epoch in range(20):
    mean = 0.0
    for x, y in loader:
        loss = loss_fn(model(x).squeeze(1), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        mean += loss.item() / len(loader)
    with torch.no_grad():
        val = loss_fn(model(test.x).squeeze(1), test.y).item()
    print(f"epoch {epoch + 1}: train {mean:.3f}, test {val:.3f}")

with torch.no_grad():
    pred = model(test.x).squeeze(1).exp()
corr = np.corrcoef(pred.numpy(), test.rate.numpy())[0, 1]
print(f"correlation with the true rate: {corr:.4f}")
