import torch
from sklearn.datasets import make_friedman2
from torch import nn

torch.manual_seed(9)

X, y = make_friedman2(n_samples=1200, noise=20.0, random_state=4)
X = torch.tensor((X - X[:900].mean(0)) / X[:900].std(0), dtype=torch.float32)
y = torch.tensor((y - y[:900].mean()) / y[:900].std(), dtype=torch.float32)

net = nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 1), nn.Flatten(0))
optimizer = torch.optim.Adam(net.parameters(), lr=1e-6)

for epoch in range(40):
    for batch in torch.randperm(900).split(32):
        loss = (net(X[batch]) - y[batch]).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if epoch % 5 == 0:
        with torch.no_grad():
            val = (net(X[900:]) - y[900:]).pow(2).mean()
        print(f"epoch {epoch}: val mse {val:.4f}")

with torch.no_grad():
    residual = (net(X[900:]) - y[900:]).pow(2).mean()
print(f"val R2: {1 - residual / y[900:].var():.4f}")
