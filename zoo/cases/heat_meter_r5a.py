"""Estimate the heat demand of a district network from the sensors of its substations.

Every substation reports forward temperature, return temperature and flow once an hour.
"""
import numpy as np
import torch
from torch import nn

torch.manual_seed(3)
rng = np.random.default_rng(3)

STATIONS = 5
HOURS = 1280

outdoor = rng.normal(0, 1, (HOURS, 1))
forward_temp = outdoor + 0.25 * rng.normal(0, 1, (HOURS, STATIONS))
return_temp = forward_temp + 0.09 * rng.normal(0, 1, (HOURS, STATIONS))
flow = 0.6 * outdoor + 0.8 * rng.normal(0, 1, (HOURS, STATIONS))
share = rng.uniform(0.7, 1.3, STATIONS)
demand = (11 * (forward_temp - return_temp) * share).sum(1) + flow.sum(1) * 0.2 + rng.normal(0, 0.1, HOURS)

features = np.hstack([forward_temp, return_temp, flow])
features = (features - features[:1024].mean(0)) / features[:1024].std(0)
demand = (demand - demand[:1024].mean()) / demand[:1024].std()

X = torch.from_numpy(features).float()
Y = torch.from_numpy(demand).float().view(-1, 1)
X_train, Y_train, X_test, Y_test = X[:1024], Y[:1024], X[1024:], Y[1024:]

model = nn.Linear(3 * STATIONS, 1)
loss_fn = nn.MSELoss()
opt = torch.optim.SGD(model.parameters(), lr=0.08)

BATCH = 256
for epoch in range(100):
    order = torch.randperm(len(X_train))
    running = 0.0
    for chunk in order.split(BATCH):
        opt.zero_grad()
        loss = loss_fn(model(X_train[chunk]), Y_train[chunk])
        loss.backward()
        opt.step()
        running += loss.item() * len(chunk)
    if epoch % 10 == 9:
        with torch.no_grad():
            test_mse = loss_fn(model(X_test), Y_test).item()
        print(f"[{epoch + 1:3d}/100] mse train {running / len(X_train):.4f}  test {test_mse:.4f}")

with torch.no_grad():
    residual = Y_test - model(X_test)
print("explained variance on the last weeks: %.3f" % (1 - residual.var() / Y_test.var()).item())
