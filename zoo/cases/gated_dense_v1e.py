"""Gated layers written by hand, tried on the digits."""
import math

import torch
from sklearn.datasets import load_digits

torch.manual_seed(77)


class GatedDense(torch.nn.Module):
    """y = (x A + a) * sigmoid(x G + g)"""

    def __init__(self, fan_in, fan_out):
        super().__init__()
        scale = 1.0 / math.sqrt(fan_in)
        self.A = torch.nn.Parameter(torch.full((fan_in, fan_out), scale))
        self.G = torch.nn.Parameter(torch.full((fan_in, fan_out), scale))
        self.a = torch.nn.Parameter(torch.zeros(fan_out))
        self.g = torch.nn.Parameter(torch.zeros(fan_out))

    def forward(self, x):
        return (x @ self.A + self.a) * torch.sigmoid(x @ self.G + self.g)


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first = GatedDense(64, 48)
        self.second = GatedDense(48, 32)
        self.readout = torch.nn.Linear(32, 10)

    def forward(self, x):
        return self.readout(self.second(self.first(x)))


X, y = load_digits(return_X_y=True)
X = torch.tensor(X, dtype=torch.float32)
X = (X - X.mean(0)) / (X.std(0) + 0.1)
y = torch.tensor(y)
perm = torch.randperm(len(X))
tr, te = perm[:1400], perm[1400:]

net = Net()
opt = torch.optim.Adam(net.parameters(), lr=2e-3)

step, total_steps = 0, 600
while step < total_steps:
    for idx in tr[torch.randperm(len(tr))].split(32):
        loss = torch.nn.functional.cross_entropy(net(X[idx]), y[idx])
        opt.zero_grad()
        loss.backward()
        opt.step()
        step += 1
        if step % 100 == 0:
            with torch.no_grad():
                acc = (net(X[te]).argmax(1) == y[te]).float().mean().item()
            print("step", step, "loss", round(loss.item(), 4), "test accuracy", round(acc, 4))
        if step == total_steps:
            break
