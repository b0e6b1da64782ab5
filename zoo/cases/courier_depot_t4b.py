"""Which depot serves a delivery address fastest? Learned from last year's trips."""
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


@dataclass
class Config:
    hidden: int = 32
    lr: float = 1e-3
    batch_size: int = 4096
    epochs: int = 110
    log_every: int = 10


def trips(n=3000, n_depots=9):
    rng = np.random.default_rng(7)
    gx, gy = np.meshgrid([-0.66, 0.0, 0.66], [-0.66, 0.0, 0.66])
    depots = np.stack([gx.ravel(), gy.ravel()], 1)[:n_depots] + rng.uniform(-0.15, 0.15, (n_depots, 2))
    address = rng.uniform(-1, 1, (n, 2))
    rush = rng.uniform(-1, 1, n)            # -1 early morning .. 1 evening peak
    stretch = 1 + 0.5 * rush[:, None] * np.sign(address[:, :1])
    gap = np.abs(address[:, None] - depots[None])
    minutes = gap[..., 0] * stretch + gap[..., 1] + rng.normal(0, 0.01, (n, n_depots))
    x = np.column_stack([address, rush]) / 0.577
    return torch.from_numpy(x).float(), torch.from_numpy(minutes.argmin(1))


class Trainer:
    def __init__(self, cfg):
        self.cfg = cfg
        torch.manual_seed(7)
        x, depot = trips()
        self.x, self.depot = x[:2400], depot[:2400]
        self.test_x, self.test_depot = x[2400:], depot[2400:]
        self.model = nn.Sequential(
            nn.Linear(3, cfg.hidden), nn.GELU(),
            nn.Linear(cfg.hidden, cfg.hidden), nn.GELU(),
            nn.Linear(cfg.hidden, 9),
        )
        self.optim = torch.optim.AdamW(self.model.parameters(), lr=cfg.lr, weight_decay=1e-4)

    def epoch(self):
        self.model.train()
        losses = []
        for rows in torch.randperm(len(self.x)).split(self.cfg.batch_size):
            loss = F.cross_entropy(self.model(self.x[rows]), self.depot[rows])
            self.optim.zero_grad(set_to_none=True)
            loss.backward()
            self.optim.step()
            losses.append(loss.item())
        return sum(losses) / len(losses)

    @torch.no_grad()
    def test(self):
        self.model.eval()
        chosen = self.model(self.test_x).argmax(1)
        return (chosen == self.test_depot).float().mean().item()

    def run(self):
        for e in range(1, self.cfg.epochs + 1):
            loss = self.epoch()
            if e % self.cfg.log_every == 0:
                print(f"epoch {e:4d} | loss {loss:.4f} | test {self.test():.3f}")
        return self.test()


if __name__ == "__main__":
    print(f"right depot: {Trainer(Config()).run():.4f}")
