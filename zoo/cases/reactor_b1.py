"""Yield of a reactor from five settings (K, bar, l/h, rpm, ppm)."""
import numpy as np
import torch
import torch.nn as nn

torch.manual_seed(5)
np.random.seed(5)

n = 900
T = np.random.uniform(500, 700, n)
p = np.random.uniform(1, 20, n)
flow = np.random.uniform(1000, 5000, n)
rpm = np.random.uniform(200, 1500, n)
ppm = np.random.uniform(0, 300, n)
yield_kg = 3000 + 8 * (T - 600) + 60 * p - 0.1 * (flow - 3000) + 0.002 * (T - 600) * (rpm - 800) - 2 * ppm + 20 * np.random.randn(n)
X = np.stack([T, p, flow, rpm, ppm], axis=1)
y = yield_kg[:, None]

X_train, y_train = torch.tensor(X[:700]).float(), torch.tensor(y[:700]).float()
X_test, y_test = torch.tensor(X[700:]).float(), torch.tensor(y[700:]).float()

net = nn.Sequential(nn.Linear(5, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1))
optimizer = torch.optim.Adam(net.parameters(), lr=0.003)
loss_fn = nn.MSELoss()

for epoch in range(50):
    for rows in torch.randperm(700).split(35):
        optimizer.zero_grad()
        loss = loss_fn(net(X_train[rows]), y_train[rows])
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        test_loss = loss_fn(net(X_test), y_test).item()
    if epoch % 5 == 4:
        print(f"epoch {epoch + 1}: train {loss.item():.1f} test {test_loss:.1f}")
print(f"R2 = {1 - test_loss / y_test.var().item():.4f}")
