"""Door-to-door minutes between any two stations of a (made-up) metro, from station embeddings."""
import itertools

import numpy as np
import torch
import torch.nn as nn

torch.manual_seed(3)
rng = np.random.default_rng(3)

N_STATIONS = 80
DIM = 8


def build_network():
    where = rng.uniform(-8, 8, size=(N_STATIONS, 2))      # km from the centre
    walk = rng.uniform(1, 6, size=N_STATIONS)             # minutes from the street to the platform
    pairs = np.array(list(itertools.permutations(range(N_STATIONS), 2)))
    a, b = pairs.T
    km = np.abs(where[a] - where[b]).sum(1)
    minutes = walk[a] + 0.5 * walk[b] + 1.9 * km + rng.normal(0, 0.8, size=len(pairs))
    return pairs, minutes


pairs, minutes = build_network()
order = rng.permutation(len(pairs))
pairs, minutes = torch.from_numpy(pairs[order]), torch.from_numpy(minutes[order]).float()
cut = int(0.8 * len(pairs))
centre, spread = minutes[:cut].mean(), minutes[:cut].std()
target = (minutes - centre) / spread


class TravelTime(nn.Module):
    def __init__(self):
        super().__init__()
        table = 0.3 * torch.randn(N_STATIONS, DIM)
        self.station = nn.Embedding.from_pretrained(table)
        self.mlp = nn.Sequential(
            nn.Linear(2 * DIM, 48), nn.GELU(),
            nn.Linear(48, 24), nn.GELU(),
            nn.Linear(24, 1),
        )

    def forward(self, pair):
        return self.mlp(self.station(pair).flatten(1)).squeeze(-1)


model = TravelTime()
opt = torch.optim.Adam(model.parameters(), lr=1e-2)
steps = 0
for epoch in range(20):
    shuffled = torch.randperm(cut)
    acc = 0.0
    for start in range(0, cut, 128):
        rows = shuffled[start:start + 128]
        loss = (model(pairs[rows]) - target[rows]).square().mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
        steps += 1
        acc += loss.item() * len(rows)
    with torch.no_grad():
        error = (model(pairs[cut:]) - target[cut:]).abs().mean() * spread
    print(f"step {steps:4d}: train mse {acc / cut:.4f}, unseen pairs off by {error:.2f} min")

print(f"mean error {error:.2f} min")
