"""Tell earthquakes, quarry blasts and passing trucks apart from short geophone traces."""
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(41)
rng = np.random.default_rng(41)
STEPS = 60
NAMES = ["quake", "blast", "truck"]


def make_trace(kind):
    t = np.arange(STEPS)
    onset = rng.integers(6, 14)
    after = np.clip(t - onset, 0, None)
    if kind == 0:      # weak P wave, then a slower and stronger S wave
        second = np.clip(after - rng.integers(14, 22), 0, None)
        wave = 0.5 * np.exp(-after / 12) * np.sin(1.3 * after) + 1.2 * (1 - np.exp(-second / 3)) * np.exp(-second / 14) * np.sin(0.6 * second)
    elif kind == 1:    # sharp start, quick decay
        wave = 1.5 * np.exp(-after / rng.uniform(6, 9)) * np.sin(rng.uniform(1.0, 1.3) * after)
    else:              # slow swell and ebb
        centre = rng.uniform(30, 42)
        wave = np.exp(-((t - centre) / rng.uniform(10, 14)) ** 2) * np.sin(rng.uniform(1.4, 1.7) * t)
    return wave * rng.uniform(0.8, 1.2) + 0.08 * rng.standard_normal(STEPS)


def make_set(n):
    kinds = rng.integers(0, 3, n)
    traces = np.stack([make_trace(k) for k in kinds])
    return torch.tensor(traces, dtype=torch.float32).unsqueeze(-1), torch.tensor(kinds)


class TraceRNN(nn.Module):
    def __init__(self, hidden=48, classes=3):
        super().__init__()
        self.w_in = nn.Parameter(torch.randn(1, hidden) * 0.5)
        self.w_rec = nn.Parameter(torch.randn(hidden, hidden) * 0.3)
        self.bias = nn.Parameter(torch.zeros(hidden))
        self.head = nn.Linear(hidden, classes)

    def forward(self, x):
        h = x.new_zeros(x.shape[0], self.w_rec.shape[0])
        for t in range(x.shape[1]):
            h = torch.tanh(x[:, t] @ self.w_in + h @ self.w_rec + self.bias)
        return self.head(h)


x_train, y_train = make_set(1600)
x_test, y_test = make_set(500)
net = TraceRNN()
opt = torch.optim.Adam(net.parameters(), lr=2e-3)
anneal = torch.optim.lr_scheduler.CosineAnnealingLR(opt, T_max=14)

for epoch in range(1, 15):
    net.train()
    order = torch.randperm(len(x_train))
    total = 0.0
    for idx in order.split(40):
        loss = F.cross_entropy(net(x_train[idx]), y_train[idx])
        opt.zero_grad()
        loss.backward()
        opt.step()
        total += loss.item() * len(idx)
    anneal.step()
    net.eval()
    with torch.no_grad():
        acc = (net(x_test).argmax(1) == y_test).float().mean().item()
    print(f"[{epoch:02d}] loss={total / len(x_train):.4f} test_acc={acc:.3f}")

print(f"accuracy on {len(x_test)} traces ({', '.join(NAMES)}): {acc:.3f}")
