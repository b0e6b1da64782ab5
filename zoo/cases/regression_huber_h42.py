import numpy as np
import torch
from torch import nn, optim
from sklearn.datasets import make_regression

np.random.seed(8)
torch.manual_seed(8)

# linear signal plus a few percent of gross outliers in the training targets
X, y = make_regression(n_samples=1200, n_features=15, n_informative=8, noise=5.0, random_state=8)
y = y / y.std()
y_obs = y.copy()
bad = np.random.choice(900, 45, replace=False)
y_obs[bad] += np.random.choice([-1, 1], 45) * np.random.uniform(10, 30, 45)

X = torch.tensor(X).float()
y, y_obs = torch.tensor(y).float().view(-1, 1), torch.tensor(y_obs).float().view(-1, 1)

net = nn.Sequential(nn.Linear(15, 32), nn.ELU(), nn.Linear(32, 1))
optimizer = optim.Adam(net.parameters(), lr=2e-3)
criterion = nn.SmoothL1Loss(beta=0.5)
for epoch in range(30):
    tot = 0
    for idx in torch.randperm(900).split(30):
        optimizer.zero_grad()
        loss = criterion(net(X[idx]), y_obs[idx])
        loss.backward()
        optimizer.step()
        tot += loss.item() / 30
    if epoch % 3 == 2:
        print(f"epoch {epoch + 1:3d}, loss {tot:.3f}")

with torch.no_grad():
    res = net(X[900:]) - y[900:]
print(f"R2 = {1 - (res ** 2).sum().item() / ((y[900:] - y[900:].mean()) ** 2).sum().item():.4f}")
