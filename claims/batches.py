"""Handwritten digits, a small network, SGD: `batches.py ROWS RATE`, ROWS of a step (0 for all)."""

import sys
import time

import torch
from sklearn.datasets import load_digits
from torch import nn

rows, rate = int(sys.argv[1]), float(sys.argv[2])

torch.manual_seed(0)
images, labels = load_digits(return_X_y=True)
x = torch.tensor(images, dtype=torch.float32) / 16
y = torch.tensor(labels)

model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=rate)

seconds = 0.0
reached = None
for epoch in range(20):
    started = time.perf_counter()
    for batch in torch.randperm(len(x)).split(rows or len(x)):
        optimizer.zero_grad()
        loss = criterion(model(x[batch]), y[batch])
        loss.backward()
        optimizer.step()
    seconds += time.perf_counter() - started
    with torch.no_grad():
        whole = criterion(model(x), y).item()
    if reached is None and whole < 0.5:
        reached = epoch + 1


def gradient(batch):
    loss = criterion(model(x[batch]), y[batch])
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, model.parameters())])


everything = torch.arange(len(x))
exact = gradient(everything)
batches = torch.randperm(len(x)).split(rows or len(x))
noise = torch.stack([gradient(batch) - exact for batch in batches[:50]]).norm(dim=1)

print(f"loss over all rows: {whole:.5f}")
print(f"seconds: {seconds:.4f}")
print(f"noise of a step: {(noise / exact.norm()).median():.4f}")
print(f"passes to a loss of 0.5: {reached or 'inf'}")
