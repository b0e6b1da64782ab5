"""Affine coupling flow for the displacement of a tracked animal per hour (turn, stride): a bent density."""
import math

import torch
from torch import nn


class Coupling(nn.Module):
    def __init__(self, flip, width=48):
        super().__init__()
        self.flip = flip
        self.net = nn.Sequential(nn.Linear(1, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 2))

    def forward(self, x):
        a, b = x.chunk(2, dim=1)
        if self.flip:
            a, b = b, a
        log_scale, shift = self.net(a).chunk(2, dim=1)
        log_scale = 1.5 * torch.tanh(log_scale / 1.5)
        b = b * log_scale.exp() + shift
        x = torch.cat([b, a] if self.flip else [a, b], dim=1)
        return x, log_scale.squeeze(1)


class Flow(nn.Module):
    def __init__(self, layers):
        super().__init__()
        self.layers = nn.ModuleList(Coupling(flip=bool(i % 2)) for i in range(layers))

    def log_prob(self, x):
        total = torch.zeros(len(x))
        for layer in self.layers:
            x, log_det = layer(x)
            total = total + log_det
        return total - 0.5 * x.pow(2).sum(1) - math.log(2 * math.pi)


BEND, SPREAD = 1.0, 0.35


def sample(n):
    turn = torch.randn(n)
    stride = BEND * (turn ** 2 - 1) + SPREAD * torch.randn(n)
    return torch.stack([turn, stride], dim=1)


def true_log_prob(x):
    turn, stride = x.unbind(1)
    rest = (stride - BEND * (turn ** 2 - 1)) / SPREAD
    return -0.5 * (turn ** 2 + rest ** 2) - math.log(2 * math.pi * SPREAD)


def main():
    torch.manual_seed(77)
    flow = Flow(layers=4)
    steps = 600
    optimizer = torch.optim.Adam(flow.parameters(), lr=2e-3)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps, eta_min=1e-4)
    for step in range(1, steps + 1):
        nll = -flow.log_prob(sample(256)).mean()
        optimizer.zero_grad()
        nll.backward()
        optimizer.step()
        scheduler.step()
        if step % 50 == 0 or step == 1:
            print(f"step {step}: nll {nll.item():.4f}")

    fresh = sample(20000)
    with torch.no_grad():
        gap = (true_log_prob(fresh) - flow.log_prob(fresh)).mean().item()
    print(f"nats above the entropy of the data: {gap:.4f}")


if __name__ == "__main__":
    main()
