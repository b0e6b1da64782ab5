from dataclasses import dataclass

import numpy as np
import torch
import torch.nn as nn


@dataclass
class Config:
    n_train: int = 4000
    n_test: int = 800
    samples: int = 40
    width: int = 96
    batch: int = 64
    epochs: int = 16
    lr: float = 2e-3


class Pulses:
    """Detector pulses: which of three shapes, and when they arrive."""

    def __init__(self, n, samples, rng):
        t = np.linspace(-1, 1, samples)
        self.shape = rng.integers(0, 3, n)
        self.arrival = rng.uniform(-0.6, 0.6, n)
        d = t[None] - self.arrival[:, None]
        gauss = np.exp(-((d / 0.2) ** 2))
        decay = np.where(d > 0, np.exp(-d / 0.3), np.exp(d / 0.05))
        ring = np.exp(-((d / 0.35) ** 2)) * np.cos(9 * d)
        signal = np.choose(self.shape[:, None], [gauss, decay, ring])
        self.x = signal + rng.normal(0, 0.05, signal.shape)

    def tensors(self):
        return (
            torch.as_tensor(self.x / 0.35, dtype=torch.float32),
            torch.as_tensor(self.shape),
            torch.as_tensor(self.arrival / 0.35, dtype=torch.float32),
        )


class PulseNet(nn.Module):
    def __init__(self, samples, width):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(samples, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU())
        self.shape_head = nn.Linear(width, 3)
        self.time_head = nn.Sequential(nn.Linear(width, 32), nn.SiLU(), nn.Linear(32, 1))

    def forward(self, x):
        h = self.trunk(x)
        return self.shape_head(h), self.time_head(h).squeeze(-1)


def main(cfg=Config()):
    torch.manual_seed(33)
    rng = np.random.default_rng(33)
    x, shape, arrival = Pulses(cfg.n_train, cfg.samples, rng).tensors()
    x_test, shape_test, arrival_test = Pulses(cfg.n_test, cfg.samples, rng).tensors()

    net = PulseNet(cfg.samples, cfg.width)
    classify, locate = nn.CrossEntropyLoss(), nn.SmoothL1Loss(beta=0.5)
    optimizer = torch.optim.Adam(net.parameters(), lr=cfg.lr)
    steps = cfg.epochs * -(-cfg.n_train // cfg.batch)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)

    for epoch in range(cfg.epochs):
        sums = np.zeros(2)
        for idx in torch.randperm(cfg.n_train).split(cfg.batch):
            logits, when = net(x[idx])
            loss_shape = classify(logits, shape[idx])
            loss_time = locate(when, arrival[idx])
            loss = loss_shape + 2.0 * loss_time
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
            sums += np.array([loss_shape.item(), loss_time.item()]) * len(idx)
        with torch.no_grad():
            logits, when = net(x_test)
            test_shape, test_time = classify(logits, shape_test), locate(when, arrival_test)
        train_shape, train_time = sums / cfg.n_train
        print(f"{epoch:2d} | shape {train_shape:.4f} / {test_shape:.4f} | time {train_time:.4f} / {test_time:.4f}")

    hits = (logits.argmax(1) == shape_test).float().mean()
    r2 = 1 - (when - arrival_test).square().mean() / arrival_test.var()
    print(f"shape accuracy {hits:.3f}, arrival R2 {r2:.3f}")
    print(f"worse of the two: {min(hits.item(), r2.item()):.3f}")


if __name__ == "__main__":
    main()
