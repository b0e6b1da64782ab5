"""Predict the strength of a glass sample from ten furnace settings."""
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.datasets import make_friedman1
from torch import Tensor, nn


@dataclass(frozen=True)
class Settings:
    samples: int = 2000
    hidden: int = 64
    depth: int = 4
    rate: float = 0.1
    batch: int = 50
    epochs: int = 25


def load(s: Settings) -> tuple[Tensor, Tensor]:
    x, y = make_friedman1(n_samples=s.samples, n_features=10, noise=0.5, random_state=3)
    x = (x - x.mean(0)) / x.std(0)
    y = (y - y.mean()) / y.std()
    return torch.tensor(x, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)[:, None]


def network(s: Settings) -> nn.Module:
    sizes = [10] + [s.hidden] * s.depth
    parts: list[nn.Module] = []
    for a, b in zip(sizes[:-1], sizes[1:]):
        parts += [nn.Linear(a, b), nn.Tanh()]
    return nn.Sequential(*parts, nn.Linear(s.hidden, 1))


def fit(s: Settings) -> None:
    x, y = load(s)
    cut = int(0.8 * s.samples)
    model = network(s)
    adam = torch.optim.Adam(model.parameters(), lr=s.rate)
    mse = nn.MSELoss()
    for epoch in range(1, s.epochs + 1):
        losses = []
        for rows in torch.randperm(cut).split(s.batch):
            loss = mse(model(x[rows]), y[rows])
            adam.zero_grad(set_to_none=True)
            loss.backward()
            adam.step()
            losses.append(loss.item())
        print(f"epoch {epoch:02d}: train mse {np.mean(losses):.4f}")
    with torch.no_grad():
        error = mse(model(x[cut:]), y[cut:]).item()
        r2 = 1 - error / y[cut:].var().item()
    print(f"test mse {error:.4f} (R2 {r2:.3f})")


if __name__ == "__main__":
    torch.manual_seed(17)
    fit(Settings())
