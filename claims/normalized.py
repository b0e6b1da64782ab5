"""Handwritten digits with Batch Normalization: what it puts out, in training and in evaluation."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
images, labels = load_digits(return_X_y=True)
x = torch.tensor(images, dtype=torch.float32) / 16
y = torch.tensor(labels)

model = nn.Sequential(nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.3)


def describe(name, rows):
    """Print mean and variance over a mini-batch, the worst of 64 units."""
    with torch.no_grad():
        out = model[1](model[0](rows))
        plain = (out - model[1].bias) / model[1].weight
    for which, values in (("normalized", plain), ("put out", out)):
        mean = values.mean(0).abs().max()
        variance = values.var(0, correction=0)
        print(f"{name} {which}: mean {mean:.4f}, variance {(variance - 1).abs().max():.4f}")


describe("first", x[:64])
for step in range(300):
    batch = torch.randint(len(x), (64,))
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
    loss.backward()
    optimizer.step()

describe("trained", x[:64])
model.eval()
describe("evaluated", x[:64])
