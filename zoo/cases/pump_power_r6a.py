"""Predict the shaft power of a centrifugal pump from flow, head and speed."""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

rng = np.random.default_rng(41)
torch.manual_seed(41)

N = 1600
flow = rng.uniform(10, 90, N)            # m3/h
head = rng.uniform(8, 45, N)             # m
speed = rng.uniform(1100, 2900, N)       # rpm
temp = rng.uniform(5, 60, N)             # deg C
best = 0.028 * speed
eff = 0.82 - 0.25 * ((flow - best) / best) ** 2
power = 9.81 * flow * head / 3600 / np.clip(eff, 0.3, None) * (1 + 0.0005 * (20 - temp))
power = power * (1 + 0.02 * rng.standard_normal(N))

X = np.stack([flow, head, speed, temp], axis=1)
X = (X - X.mean(0)) / X.std(0)
y = (power - power.mean()) / power.std()

X, y = torch.from_numpy(X).float(), torch.from_numpy(y).float().unsqueeze(1)
train_set = TensorDataset(X[:1280], y[:1280])
loader = DataLoader(train_set, batch_size=64, shuffle=True)
X_test, y_test = X[1280:], y[1280:]

net = nn.Sequential(
    nn.Linear(4, 48),
    nn.ELU(),
    nn.Linear(48, 48),
    nn.ELU(),
    nn.Linear(48, 1),
)
criterion = nn.L1Loss()
opt = torch.optim.SGD(net.parameters(), lr=0.2, momentum=0.9)

EPOCHS = 50
for epoch in range(EPOCHS):
    running = 0.0
    for xb, yb in loader:
        opt.zero_grad()
        loss = criterion(net(xb), yb)
        loss.backward()
        opt.step()
        running += loss.item()
    if True:
        print("epoch %3d   train MAE %.4f" % (epoch + 1, running / len(loader)))

with torch.no_grad():
    mae = criterion(net(X_test), y_test).item()
print("test MAE: %.4f (standardised units)" % mae)
