"""Match aerial descriptors with street-level descriptors of the same place (two towers, in-batch negatives)."""
import math

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(29)
rng = np.random.default_rng(29)

LATENT, AERIAL, STREET = 6, 24, 18
mix_a = rng.normal(size=(LATENT, AERIAL)) / math.sqrt(LATENT)
mix_s = rng.normal(size=(LATENT, STREET)) / math.sqrt(LATENT)
phase = rng.uniform(-1, 1, size=STREET)


def places(n):
    """Each place is seen once from above and once from the street."""
    z = rng.normal(size=(n, LATENT))
    aerial = np.tanh(z @ mix_a) + 0.05 * rng.normal(size=(n, AERIAL))
    street = np.sin(z @ mix_s + phase) + 0.05 * rng.normal(size=(n, STREET))
    return aerial, street


aerial, street = places(8000)
aerial_val, street_val = places(500)
a_mean, a_std, s_mean, s_std = aerial.mean(0), aerial.std(0), street.mean(0), street.std(0)
aerial, aerial_val = (torch.tensor((v - a_mean) / a_std).float() for v in (aerial, aerial_val))
street, street_val = (torch.tensor((v - s_mean) / s_std).float() for v in (street, street_val))


def tower(n_in, n_out=16, width=96):
    return nn.Sequential(nn.Linear(n_in, width), nn.GELU(), nn.Linear(width, width), nn.GELU(), nn.Linear(width, n_out))


class PlaceMatcher(nn.Module):
    def __init__(self):
        super().__init__()
        self.aerial_tower = tower(AERIAL)
        self.street_tower = tower(STREET)
        self.log_scale = nn.Parameter(torch.tensor(math.log(10.0)))

    def similarity(self, a, s):
        a = F.normalize(self.aerial_tower(a), dim=-1)
        s = F.normalize(self.street_tower(s), dim=-1)
        return self.log_scale.exp() * a @ s.T


def symmetric_loss(sim):
    truth = torch.arange(len(sim))
    return 0.5 * (F.cross_entropy(sim, truth) + F.cross_entropy(sim.T, truth))


model = PlaceMatcher()
EPOCHS, BATCH = 10, 100
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-4)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS * (len(aerial) // BATCH))

for epoch in range(EPOCHS):
    model.train()
    losses = []
    for rows in torch.randperm(len(aerial)).split(BATCH):
        loss = symmetric_loss(model.similarity(aerial[rows], street[rows]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    model.eval()
    with torch.no_grad():
        val = np.mean([symmetric_loss(model.similarity(a, s)).item() for a, s in zip(aerial_val.split(BATCH), street_val.split(BATCH))])
    print(f"epoch {epoch + 1:2d}  train {np.mean(losses):.3f}  val {val:.3f}  scale {model.log_scale.exp().item():.1f}")

with torch.no_grad():
    ranking = model.similarity(aerial_val, street_val)
hit = (ranking.argmax(1) == torch.arange(len(ranking))).float().mean().item()
print(f"recall@1 among {len(ranking)} places: {hit:.3f}")
