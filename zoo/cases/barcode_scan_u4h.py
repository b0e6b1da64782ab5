"""Decode three-digit bar codes (UPC left-hand patterns) from a blurred scan line.

The copy of the network that is evaluated holds an exponential moving average of the weights.
"""
from copy import deepcopy

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(33)
rng = np.random.default_rng(33)

PATTERNS = np.array([[int(c) for c in p] for p in (
    "0001101", "0011001", "0010011", "0111101", "0100011",
    "0110001", "0101111", "0111011", "0110111", "0001011")], dtype=float)
DIGITS, OVERSAMPLE, MARGIN = 3, 3, 6
LENGTH = DIGITS * 7 * OVERSAMPLE + 2 * MARGIN


def scans(n):
    digits = rng.integers(0, 10, size=(n, DIGITS))
    bars = PATTERNS[digits].reshape(n, -1).repeat(OVERSAMPLE, axis=1)
    line = np.zeros((n, LENGTH))
    for i, shift in enumerate(rng.integers(-2, 3, size=n)):
        line[i, MARGIN + shift:MARGIN + shift + bars.shape[1]] = bars[i]
    blurred = 0.25 * np.roll(line, 1, axis=1) + 0.5 * line + 0.25 * np.roll(line, -1, axis=1)
    blurred = blurred * rng.uniform(0.8, 1.2, size=(n, 1)) + 0.12 * rng.normal(size=line.shape)
    return torch.tensor(blurred - 0.45, dtype=torch.float32).unsqueeze(1), torch.tensor(digits)


class Decoder(nn.Module):
    def __init__(self, channels=24):
        super().__init__()
        self.conv1 = nn.Conv1d(1, channels, 7, stride=1, padding=3)
        self.conv2 = nn.Conv1d(channels, channels, 5, stride=3, padding=2)
        self.norm = nn.GroupNorm(4, channels)
        self.fc = nn.Linear(channels * LENGTH // 3, 96)
        self.out = nn.Linear(96, DIGITS * 10)

    def forward(self, s):
        h = F.gelu(self.conv1(s))
        h = F.gelu(self.norm(self.conv2(h)))
        h = F.gelu(self.fc(h.flatten(1)))
        return self.out(h).view(-1, DIGITS, 10)


class MovingAverage:
    def __init__(self, model, decay=0.99):
        self.decay = decay
        self.model = deepcopy(model).eval()
        for p in self.model.parameters():
            p.requires_grad_(False)

    @torch.no_grad()
    def update(self, model):
        for mine, theirs in zip(self.model.parameters(), model.parameters()):
            mine.lerp_(theirs, 1 - self.decay)


@torch.no_grad()
def digit_accuracy(model, s, d):
    return (model(s).argmax(-1) == d).float().mean().item()


train_s, train_d = scans(6000)
test_s, test_d = scans(1000)

model = Decoder()
average = MovingAverage(model)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-4)

for epoch in range(6):
    model.train()
    total = 0.0
    for idx in torch.randperm(len(train_s)).split(64):
        logits = model(train_s[idx])
        loss = F.cross_entropy(logits.reshape(-1, 10), train_d[idx].reshape(-1))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        average.update(model)
        total += loss.item() * len(idx)
    print(f"epoch {epoch + 1}  loss {total / len(train_s):.4f}  "
          f"raw {digit_accuracy(model, test_s, test_d):.4f}  averaged {digit_accuracy(average.model, test_s, test_d):.4f}")

print(f"train digits: {digit_accuracy(average.model, train_s, train_d):.4f}")
print(f"test digits: {digit_accuracy(average.model, test_s, test_d):.4f}")
