"""Learn the energy function of a pendulum from measured velocities and accelerations."""
import argparse

import numpy as np
import torch
import torch.nn as nn


class Energy(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(2, width), nn.Tanh(),
            nn.Linear(width, width), nn.Tanh(),
            nn.Linear(width, 1, bias=False),
        )

    def forward(self, state):
        return self.layers(state).squeeze(-1)

    def field(self, state, create_graph=False):
        """Time derivative of (q, p) by Hamilton's equations."""
        state = state.detach().requires_grad_(True)
        slope, = torch.autograd.grad(self(state).sum(), state, create_graph=create_graph)
        return torch.stack([slope[:, 1], -slope[:, 0]], dim=1)


def measure(n, rng, noise):
    q = rng.uniform(-2.0, 2.0, n)
    p = rng.uniform(-2.0, 2.0, n)
    rate = np.stack([p, -1.5 * np.sin(q)], axis=1) + noise * rng.normal(size=(n, 2))
    return torch.tensor(np.stack([q, p], axis=1)).float(), torch.tensor(rate).float()


def main(args):
    torch.manual_seed(29)
    rng = np.random.default_rng(29)
    state, rate = measure(1600, rng, args.noise)
    state_val, rate_val = measure(400, rng, args.noise)

    energy = Energy(args.width)
    optimizer = torch.optim.Adam(energy.parameters(), lr=args.lr)
    decay = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.02, total_iters=args.epochs)

    for epoch in range(1, args.epochs + 1):
        total = 0.0
        for rows in torch.randperm(len(state)).split(args.batch):
            loss = (energy.field(state[rows], create_graph=True) - rate[rows]).pow(2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
        decay.step()
        if epoch % 4 == 0:
            val = (energy.field(state_val) - rate_val).pow(2).mean().item()
            print(f"epoch {epoch:3d}  train {total / len(state):.5f}  val {val:.5f}")

    residual = (energy.field(state_val) - rate_val).pow(2).sum()
    r2 = 1 - residual / (rate_val - rate_val.mean(0)).pow(2).sum()

    # let it swing for ten seconds, midpoint steps
    s = torch.tensor([[1.2, 0.0]])
    h, swing = 0.05, []
    for _ in range(200):
        s = s + h * energy.field(s + 0.5 * h * energy.field(s))
        swing.append(0.5 * s[0, 1].item() ** 2 + 1.5 * (1 - np.cos(s[0, 0].item())))
    print(f"true energy along the learned swing: {min(swing):.3f} to {max(swing):.3f}")
    print(f"val R2 = {r2.item():.4f}")


if __name__ == "__main__":
    cli = argparse.ArgumentParser()
    cli.add_argument("--width", type=int, default=40)
    cli.add_argument("--epochs", type=int, default=32)
    cli.add_argument("--batch", type=int, default=40)
    cli.add_argument("--lr", type=float, default=4e-3)
    cli.add_argument("--noise", type=float, default=0.05)
    main(cli.parse_args())
