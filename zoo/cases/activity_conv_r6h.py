"""Sort short two-channel sensor windows into three activities, annotated by volunteers."""
import numpy as np
import torch
from torch import nn

torch.manual_seed(33)
g = np.random.default_rng(33)

T = 48


def windows(n):
    act = g.integers(0, 3, n)
    t = np.arange(T) / 16.0
    pace = np.array([0.6, 1.8, 3.0])[act] + g.normal(0, 0.22, n)
    amp = np.array([0.5, 1.0, 1.4])[act] * g.uniform(0.8, 1.2, n)
    phase = g.uniform(0, 2 * np.pi, n)
    arg = 2 * np.pi * pace[:, None] * t + phase[:, None]
    sig = np.stack([amp[:, None] * np.sin(arg), 0.6 * amp[:, None] * np.cos(arg)], 1)
    sig += g.normal(0, 0.6, sig.shape)
    return torch.tensor(sig, dtype=torch.float32), torch.tensor(act)


def annotate(truth, share=0.10):
    hit = torch.rand(len(truth)) < share
    other = (truth + torch.randint(1, 3, truth.shape)) % 3
    return torch.where(hit, other, truth)


x_train, act_train = windows(3000)
x_val, act_val = windows(1000)
x_test, y_test = windows(1000)
y_train, y_val = annotate(act_train), annotate(act_val)

model = nn.Sequential(
    nn.Conv1d(2, 8, 5, padding=2), nn.ReLU(), nn.MaxPool1d(2),
    nn.Conv1d(8, 16, 5, padding=2), nn.ReLU(), nn.AdaptiveAvgPool1d(1),
    nn.Flatten(), nn.Linear(16, 3),
)
ce = nn.CrossEntropyLoss()
adam = torch.optim.Adam(model.parameters(), lr=3e-3)

for epoch in range(1, 16):
    model.train()
    s = 0.0
    for idx in torch.randperm(3000).split(64):
        adam.zero_grad()
        l = ce(model(x_train[idx]), y_train[idx])
        l.backward()
        adam.step()
        s += l.item() * len(idx)
    model.eval()
    with torch.no_grad():
        v = ce(model(x_val), y_val).item()
    print(f"epoch {epoch:2d}  train {s / 3000:.3f}  val {v:.3f}")

with torch.no_grad():
    clean = (model(x_test).argmax(1) == y_test).float().mean().item()
print(f"checked test windows, accuracy: {clean:.3f}")
