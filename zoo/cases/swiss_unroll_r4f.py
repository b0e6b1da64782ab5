# Parametric unrolling of a swiss roll: a network maps the 3-D points to a plane so that
# distances in the plane equal the distances along the surface.
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import make_swiss_roll

torch.manual_seed(5)

points, t = make_swiss_roll(n_samples=3500, noise=0.0, random_state=3)
arc = 0.5 * (t * np.sqrt(1 + t ** 2) + np.arcsinh(t))
surface = np.stack([arc, points[:, 1]], axis=1)
surface = surface / surface.std()
points = (points - points.mean(0)) / points.std(0)

points = torch.tensor(points, dtype=torch.float32)
surface = torch.tensor(surface, dtype=torch.float32)
n_train = 3000


def distance(a, b):
    return ((a - b) ** 2).sum(dim=1).sqrt()


class Unroller(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(3, 96), nn.SiLU(),
            nn.Linear(96, 96), nn.SiLU(),
            nn.Linear(96, 2),
        )

    def forward(self, p):
        return self.body(p)


def rmse(model):
    with torch.no_grad():
        plane = model(points[n_train:])
        real = surface[n_train:]
        got = distance(plane[:-1], plane[1:])
        want = distance(real[:-1], real[1:])
    return (got - want).pow(2).mean().sqrt().item()


model = Unroller()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=1500, eta_min=1e-4)

average = None
for step in range(1500):
    i = torch.randint(n_train, (128,))
    j = torch.randint(n_train, (128,))
    loss = (distance(model(points[i]), model(points[j])) - distance(surface[i], surface[j])).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
    average = loss.item() if average is None else 0.98 * average + 0.02 * loss.item()
    if (step + 1) % 150 == 0:
        print(f"{step + 1:5d}  stress {average:.5f}  held-out distance error {rmse(model):.4f}")

print(f"held-out RMSE: {rmse(model):.4f}")
