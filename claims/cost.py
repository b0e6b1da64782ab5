"""A training on digits, and what its activation costs by itself: `cost.py sigmoid`."""

import sys
import time

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
images, labels = load_digits(return_X_y=True)
x = torch.tensor(images, dtype=torch.float32) / 16
y = torch.tensor(labels)

activation = nn.Sigmoid if sys.argv[1] == "sigmoid" else nn.ReLU
if sys.argv[1] == "sigmoid":
    model = nn.Sequential(nn.Linear(64, 256), nn.Sigmoid(), nn.Linear(256, 10))
else:
    model = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

durations = []
for step in range(150):
    batch = torch.randint(len(x), (256,))
    started = time.perf_counter()
    loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    durations.append(time.perf_counter() - started)


def microseconds(function):
    values = torch.randn(256, 256, requires_grad=True)
    gradient = torch.randn(256, 256)
    fastest = float("inf")
    for _ in range(100):
        started = time.perf_counter()
        function(values).backward(gradient)
        fastest = min(fastest, time.perf_counter() - started)
        values.grad = None
    return fastest * 1e6


print(f"step: {sorted(durations)[15] * 1e6:.1f} us")
print(f"sigmoid: {microseconds(torch.sigmoid):.1f} us")
print(f"relu: {microseconds(torch.relu):.1f} us")
