"""Pen strokes: train an encoder on 16 symbols, then reuse it, frozen, for 6 symbols it has never seen."""
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(13)
rng = np.random.default_rng(13)
POINTS = 24
t = np.linspace(0, 1, POINTS)
basis = np.stack([f(np.pi * k * t) for k in range(1, 5) for f in (np.sin, np.cos)])   # 8 x POINTS

symbols = rng.normal(size=(22, 2, 8)) / np.repeat(np.arange(1, 5), 2)


def draw(which, per_symbol):
    """Write every symbol many times: shaky hand, varying size and slant."""
    strokes, labels = [], []
    for label, s in enumerate(which):
        coef = symbols[s] + 0.12 * rng.normal(size=(per_symbol, 2, 8))
        xy = coef @ basis
        slant = rng.normal(0, 0.15, size=(per_symbol, 1))
        xy[:, 0] += slant * xy[:, 1]
        xy = xy * rng.uniform(0.8, 1.2, size=(per_symbol, 1, 1)) + 0.05 * rng.normal(size=xy.shape)
        strokes.append(xy - xy.mean(2, keepdims=True))
        labels += [label] * per_symbol
    return torch.tensor(np.concatenate(strokes), dtype=torch.float32), torch.tensor(labels)


class Encoder(nn.Module):
    def __init__(self, out=32):
        super().__init__()
        self.conv1 = nn.Conv1d(2, 16, 5, padding=2)
        self.conv2 = nn.Conv1d(16, 32, 5, stride=2, padding=2)
        self.proj = nn.Linear(32 * POINTS // 2, out)

    def forward(self, x):
        x = F.gelu(self.conv1(x))
        x = F.gelu(self.conv2(x))
        return self.proj(x.flatten(1))


def fit(encoder, head, params, data, epochs, lr, batch=40):
    x, y = data
    opt = torch.optim.Adam(params, lr=lr)
    for epoch in range(epochs):
        total = correct = 0
        for rows in torch.randperm(len(x)).split(batch):
            logits = head(encoder(x[rows]))
            loss = F.cross_entropy(logits, y[rows])
            opt.zero_grad()
            loss.backward()
            opt.step()
            total += loss.item() * len(rows)
            correct += (logits.argmax(1) == y[rows]).sum().item()
        print(f"  epoch {epoch + 1}: loss {total / len(x):.4f}  acc {correct / len(x):.3f}")


def accuracy(encoder, head, data):
    with torch.no_grad():
        return (head(encoder(data[0])).argmax(1) == data[1]).float().mean().item()


encoder = Encoder()
base_head = nn.Linear(32, 16)

print("16 known symbols")
known, known_test = draw(range(16), 150), draw(range(16), 30)
fit(encoder, base_head, [*encoder.parameters(), *base_head.parameters()], known, epochs=8, lr=1e-3)
print(f"  test accuracy {accuracy(encoder, base_head, known_test):.3f}")

print("6 new symbols, encoder frozen")
for p in encoder.parameters():
    p.requires_grad_(False)
encoder.eval()
new, new_test = draw(range(16, 22), 100), draw(range(16, 22), 100)
new_head = nn.Linear(32, 6)
fit(encoder, new_head, new_head.parameters(), new, epochs=15, lr=1e-2)
print(f"new symbols, test accuracy {accuracy(encoder, new_head, new_test):.3f}")
