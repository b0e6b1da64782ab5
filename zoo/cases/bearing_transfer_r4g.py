"""
Transfer learning for vibration diagnosis.

Stage 1: train an encoder on the test-bench recordings (8 operating states).
Stage 2: keep the encoder, put a new head on it for the plant machine (4 states).
"""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(2)
rng = np.random.default_rng(2)

BENCH = [(3, 9), (3, 14), (5, 9), (5, 14), (7, 11), (7, 18), (4, 20), (6, 16)]
PLANT = [(4, 12), (6, 12), (4, 17), (6, 17)]


def record(states, n):
    time = np.arange(80) / 80
    y = rng.integers(0, len(states), n)
    low, high = np.array(states, dtype=float)[y].T
    phase = rng.uniform(0, 2 * np.pi, (2, n, 1))
    x = np.sin(2 * np.pi * low[:, None] * time + phase[0]) + np.sin(2 * np.pi * high[:, None] * time + phase[1])
    x = x + 0.5 * rng.standard_normal(x.shape)
    return TensorDataset(torch.tensor(x, dtype=torch.float32)[:, None], torch.tensor(y))


class Diagnoser(nn.Module):
    def __init__(self, n_states):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv1d(1, 16, 9, stride=2, padding=4), nn.ReLU(),
            nn.Conv1d(16, 32, 9, stride=2, padding=4), nn.ReLU(),
            nn.Conv1d(32, 32, 5, padding=2), nn.ReLU(),
            nn.AdaptiveAvgPool1d(4), nn.Flatten(),
        )
        self.head = nn.Sequential(nn.Linear(128, 32), nn.ReLU(), nn.Linear(32, n_states))

    def forward(self, x):
        return self.head(self.encoder(x))


def train(model, optimizer, data, epochs, tag):
    loader = DataLoader(data, batch_size=32, shuffle=True)
    for epoch in range(epochs):
        total = 0.0
        for x, y in loader:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(y)
        print(f"{tag} epoch {epoch + 1}: loss {total / len(data):.4f}")


@torch.no_grad()
def accuracy(model, data):
    x, y = data.tensors
    return (model(x).argmax(1) == y).float().mean().item()


model = Diagnoser(len(BENCH))
train(model, torch.optim.Adam(model.parameters(), lr=2e-3), record(BENCH, 1600), 6, "bench")
print(f"bench accuracy {accuracy(model, record(BENCH, 400)):.3f}")

for p in model.encoder.parameters():
    p.requires_grad_(False)
optimizer = torch.optim.Adam(model.head.parameters(), lr=2e-3)
model.head = nn.Sequential(nn.Linear(128, 32), nn.ReLU(), nn.Linear(32, len(PLANT)))
train(model, optimizer, record(PLANT, 1000), 15, "plant")
print(f"plant accuracy {accuracy(model, record(PLANT, 500)):.3f}")
