"""Two towers trained with a contrastive loss: curves and their descriptions meet in one space."""
import argparse

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


def make_pairs(n, rng):
    """A noisy curve (50 values) and the parameters someone wrote down for it."""
    x = np.linspace(-1, 1, 50)
    centre, width, height, slope = (rng.uniform(lo, hi, (n, 1)) for lo, hi in ((-0.7, 0.7), (0.1, 0.4), (0.5, 2.0), (-1, 1)))
    curve = height * np.exp(-0.5 * ((x - centre) / width) ** 2) + slope * x + 0.05 * rng.standard_normal((n, 50))
    note = np.concatenate([centre / 0.4, (width - 0.25) / 0.087, (height - 1.25) / 0.43, slope / 0.58], axis=1)
    return torch.tensor(curve, dtype=torch.float32), torch.tensor(note, dtype=torch.float32)


class Tower(nn.Module):
    def __init__(self, n_in, dim):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(n_in, 64), nn.GELU(), nn.Linear(64, 64), nn.GELU(), nn.Linear(64, dim))

    def forward(self, x):
        return F.normalize(self.layers(x), dim=-1)


def info_nce(a, b, temperature):
    similarity = a @ b.T / temperature
    target = torch.arange(len(a))
    return 0.5 * (F.cross_entropy(similarity, target) + F.cross_entropy(similarity.T, target))


def main():
    cli = argparse.ArgumentParser()
    cli.add_argument("--steps", type=int, default=1200)
    cli.add_argument("--batch", type=int, default=64)
    cli.add_argument("--dim", type=int, default=16)
    cli.add_argument("--temperature", type=float, default=0.05)
    opts = cli.parse_args()

    torch.manual_seed(3)
    rng = np.random.default_rng(3)
    curves, notes = make_pairs(8000, rng)
    val_curves, val_notes = make_pairs(256, rng)

    curve_tower, note_tower = Tower(50, opts.dim), Tower(4, opts.dim)
    optimizer = torch.optim.AdamW([*curve_tower.parameters(), *note_tower.parameters()], lr=3e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, opts.steps, eta_min=1e-4)

    for step in range(1, opts.steps + 1):
        rows = torch.randint(len(curves), (opts.batch,))
        loss = info_nce(curve_tower(curves[rows]), note_tower(notes[rows]), opts.temperature)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 150 == 0:
            with torch.no_grad():
                a, b = curve_tower(val_curves), note_tower(val_notes)
                val = np.mean([info_nce(p, q, opts.temperature).item() for p, q in zip(a.split(64), b.split(64))])
                similarity = a @ b.T
                rank = (similarity > similarity.diagonal()[:, None]).sum(1)
            print(f"step {step}: loss {loss.item():.3f} val {val:.3f} top-1 {(rank == 0).float().mean():.3f} top-3 {(rank < 3).float().mean():.3f}")
    print(f"retrieval top-1: {(rank == 0).float().mean().item():.3f}")


if __name__ == "__main__":
    main()
