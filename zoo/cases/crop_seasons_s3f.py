"""Crop kind from 24 satellite greenness values of one season."""
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(12)
rng = np.random.default_rng(12)
CROPS = ["winter wheat", "maize", "rapeseed", "sugar beet", "meadow"]


def season(kind, n):
    week = np.arange(24)[None, :]
    shift = rng.normal(0, 1.0, (n, 1))
    top = rng.uniform(0.6, 0.9, (n, 1))

    def bump(centre, width):
        return np.exp(-((week - centre - shift) / width) ** 2)

    if kind == 0:
        curve = bump(8, 4.0)
    elif kind == 1:
        curve = bump(14, 4.0)
    elif kind == 2:
        curve = bump(6, 2.5) + 0.55 * bump(11.5, 2.5)
    elif kind == 3:
        curve = 1 / (1 + np.exp(-(week - 9 - shift) / 1.2))
    else:
        curve = 0.75 + 0.2 * np.sin(0.9 * (week - shift))
    return 0.12 + top * curve + rng.normal(0, 0.06, (n, 24))


X = np.concatenate([season(k, 500) for k in range(5)]).astype(np.float32)
y = np.repeat(np.arange(5), 500)
order = rng.permutation(len(X))
X, y = torch.from_numpy(X[order])[:, None], torch.from_numpy(y[order])
X = (X - X[:2000].mean()) / X[:2000].std()


class CropNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv1d(1, 12, 5, padding=2)
        self.conv2 = nn.Conv1d(12, 24, 3, padding=1)
        self.fc = nn.Linear(24 * 6, 32)
        self.out = nn.Linear(32, len(CROPS))

    def forward(self, x):
        x = F.max_pool1d(F.leaky_relu(self.conv1(x)), 2)
        x = F.max_pool1d(F.leaky_relu(self.conv2(x)), 2)
        return self.out(F.leaky_relu(self.fc(x.flatten(1))))


model = CropNet()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
lam = 2e-2

for epoch in range(12):
    fit, pen = 0.0, 0.0
    for idx in torch.randperm(2000).split(40):
        ce = F.cross_entropy(model(X[idx]), y[idx])
        l1 = sum(p.abs().sum() for p in model.parameters())
        loss = ce + lam * l1
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        fit += ce.item()
        pen += lam * l1.item()
    print(f"epoch {epoch + 1:2d}: cross entropy {fit / 50:.4f}, penalty {pen / 50:.4f}")

with torch.no_grad():
    guess = model(X[2000:]).argmax(1)
for k, crop in enumerate(CROPS):
    rows = y[2000:] == k
    print(f"  {crop:13s} {(guess[rows] == k).float().mean():.3f}")
print(f"test accuracy = {(guess == y[2000:]).float().mean():.3f}")
