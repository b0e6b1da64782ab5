"""Sparse regression net on the diabetes table."""
import torch
import torch.nn as nn
from sklearn.datasets import load_diabetes
from sklearn.preprocessing import scale

torch.manual_seed(31)

X, y = load_diabetes(return_X_y=True)
X = torch.tensor(scale(X), dtype=torch.float32)
y = torch.tensor(scale(y), dtype=torch.float32)[:, None]
perm = torch.randperm(len(X), generator=torch.Generator().manual_seed(31))
tr, te = perm[:330], perm[330:]

model = nn.Sequential(nn.Linear(10, 24), nn.Softplus(), nn.Linear(24, 1))
opt = torch.optim.Adam(model.parameters(), lr=0.005)
l1_lambda = 0.3

for epoch in range(50):
    running = 0.0
    for rows in tr[torch.randperm(len(tr))].split(30):
        loss = nn.functional.mse_loss(model(X[rows]), y[rows])
        l1 = sum(p.abs().sum() for p in model.parameters())
        total = loss + l1_lambda * l1
        opt.zero_grad()
        total.backward()
        opt.step()
        running += total.item()
    print(f"epoch {epoch:2d} objective {running / 11:.4f}")

with torch.no_grad():
    test_mse = nn.functional.mse_loss(model(X[te]), y[te]).item()
print(f"test mse {test_mse:.4f}")
