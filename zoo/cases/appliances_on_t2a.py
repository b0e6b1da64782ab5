"""Which appliances are running?  Current harmonics of the mains line -> on/off state of six devices."""
import math

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.metrics import average_precision_score
from torch import nn

DEVICES = ["fridge", "kettle", "washer", "laptop", "vacuum", "heat pump"]
HARMONICS = 24

rng = np.random.default_rng(41)
torch.manual_seed(41)

# every device has its own harmonic signature; the line carries the sum of the running ones
signature = rng.gamma(1.2, 1.0, size=(len(DEVICES), HARMONICS)) * np.exp(-np.arange(HARMONICS) / 15)


def record(n):
    on = (rng.random((n, len(DEVICES))) < 0.2).astype(np.float32)
    load = on * rng.uniform(0.5, 1.5, size=on.shape)
    line = load @ signature + 0.25 * rng.normal(size=(n, HARMONICS))
    return line.astype(np.float32), on


train_x, train_y = record(3000)
test_x, test_y = record(1000)
mean, std = train_x.mean(0), train_x.std(0)
train_x, test_x = torch.from_numpy((train_x - mean) / std), torch.from_numpy((test_x - mean) / std)
train_y, test_y = torch.from_numpy(train_y), torch.from_numpy(test_y)

net = nn.Sequential(
    nn.Linear(HARMONICS, 96),
    nn.ReLU(),
    nn.Linear(96, 96),
    nn.ReLU(),
    nn.Linear(96, 48),
    nn.ReLU(),
    nn.Linear(48, len(DEVICES)),
)

# start from the base rate, so that the first steps are not spent on learning that most devices are off
rate = train_y.mean().item()
for layer in net:
    if isinstance(layer, nn.Linear):
        nn.init.constant_(layer.bias, -math.log((1 - rate) / rate))

opt = torch.optim.Adam(net.parameters(), lr=1e-3)

for epoch in range(1, 16):
    running = 0.0
    for idx in torch.randperm(len(train_x)).split(50):
        loss = F.binary_cross_entropy_with_logits(net(train_x[idx]), train_y[idx])
        opt.zero_grad()
        loss.backward()
        opt.step()
        running += loss.item() * len(idx)
    with torch.no_grad():
        held_out = F.binary_cross_entropy_with_logits(net(test_x), test_y).item()
    print(f"[{epoch:02d}] bce {running / len(train_x):.4f}  held out {held_out:.4f}")

with torch.no_grad():
    prob = torch.sigmoid(net(test_x)).numpy()
per_device = [average_precision_score(test_y[:, k], prob[:, k]) for k in range(len(DEVICES))]
for device, ap in zip(DEVICES, per_device):
    print(f"  {device:<10s} AP {ap:.3f}")
print(f"mean average precision: {np.mean(per_device):.3f}")
