import math

import numpy as np
import torch
from torch import nn


def terrain(xy):
    x, y = xy[:, 0], xy[:, 1]
    ridge = 0.9 * np.sin(2.4 * x + 0.8 * y)
    hills = (1.6 * np.exp(-3.0 * ((x - 0.9) ** 2 + (y - 0.7) ** 2))
             + 1.3 * np.exp(-2.5 * ((x + 1.0) ** 2 + (y - 0.9) ** 2))
             - 1.5 * np.exp(-2.0 * ((x - 0.2) ** 2 + (y + 1.0) ** 2)))
    return ridge + hills + 0.4 * np.cos(3.0 * y) * x


class Surveyor:
    def __init__(self, hidden=3, lr=0.01, epochs=40, batch_size=64):
        self.model = nn.Sequential(nn.Linear(2, hidden), nn.Tanh(), nn.Linear(hidden, 1))
        self.epochs = epochs
        self.batch_size = batch_size
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=lr)
        self.schedule = lambda e: 0.5 * lr * (1 + math.cos(math.pi * e / epochs)) + 1e-4
        self.loss = nn.MSELoss()

    def train(self, x, z, x_val, z_val):
        for epoch in range(self.epochs):
            for group in self.optimizer.param_groups:
                group["lr"] = self.schedule(epoch)
            total = 0.0
            for idx in torch.randperm(len(x)).split(self.batch_size):
                loss = self.loss(self.model(x[idx]), z[idx])
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
                total += loss.item() * len(idx)
            if epoch % 5 == 4:
                print(f"{epoch + 1:4d} | train {total / len(x):.4f} | val {self.rmse(x_val, z_val) ** 2:.4f}")
        return self

    @torch.no_grad()
    def rmse(self, x, z):
        return (self.model(x) - z).pow(2).mean().sqrt().item()


if __name__ == "__main__":
    torch.manual_seed(4)
    rng = np.random.default_rng(4)
    points = rng.uniform(-1.7, 1.7, size=(2500, 2))
    height = terrain(points) + 0.05 * rng.standard_normal(2500)
    height = (height - height.mean()) / height.std()
    x = torch.as_tensor(points, dtype=torch.float32)
    z = torch.as_tensor(height, dtype=torch.float32)[:, None]
    surveyor = Surveyor().train(x[:2000], z[:2000], x[2000:], z[2000:])
    print(f"validation rmse {surveyor.rmse(x[2000:], z[2000:]):.3f}")
