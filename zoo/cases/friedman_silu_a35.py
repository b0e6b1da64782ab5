import torch
import torch.nn as nn
from sklearn.datasets import make_friedman1
from torch.optim.lr_scheduler import LambdaLR

torch.manual_seed(15)

X, y = make_friedman1(n_samples=2000, n_features=8, noise=0.2, random_state=15)
X, y = torch.tensor(X).float(), torch.tensor(y).float()
X = (X - X[:1500].mean(0)) / X[:1500].std(0)
y = (y - y[:1500].mean()) / y[:1500].std()


class Regressor(nn.Module):
    def __init__(self, hidden=64):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(8, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU(), nn.Linear(hidden, 1))

    def forward(self, x):
        return self.net(x).squeeze(-1)


model = Regressor()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
scheduler = LambdaLR(optimizer, lr_lambda=lambda epoch: 0.3 ** epoch)
huber = nn.SmoothL1Loss()

for epoch in range(20):
    perm = torch.randperm(1500)
    for i in range(0, 1500, 64):
        batch = perm[i:i + 64]
        loss = huber(model(X[batch]), y[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    scheduler.step()
    with torch.no_grad():
        print(f"epoch {epoch + 1}: train loss {huber(model(X[:1500]), y[:1500]):.4f} val loss {huber(model(X[1500:]), y[1500:]):.4f}")

with torch.no_grad():
    r2 = 1 - (model(X[1500:]) - y[1500:]).pow(2).mean() / y[1500:].var()
print(f"R2 = {r2.item():.3f}")
