import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from sklearn.datasets import make_friedman1

torch.manual_seed(0)
np.random.seed(0)

X, y = make_friedman1(n_samples=1200, n_features=8, noise=0.3, random_state=0)
X = (X - X[:900].mean(0)) / X[:900].std(0)
y = (y - y[:900].mean()) / y[:900].std()
X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)[:, None]
Xtr, ytr, Xte, yte = X[:900], y[:900], X[900:], y[900:]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.inp = nn.Linear(8, 48)
        self.hid = nn.Linear(48, 24)
        self.out = nn.Linear(24, 1)

    def forward(self, x):
        x = F.elu(self.inp(x))
        x = F.elu(self.hid(x))
        return torch.sigmoid(self.out(x))


net = Net()
optimizer = torch.optim.Adam(net.parameters(), lr=0.003)
for epoch in range(50):
    net.train()
    idx = np.random.permutation(900)
    for k in range(0, 900, 30):
        b = idx[k:k + 30]
        optimizer.zero_grad()
        loss = F.mse_loss(net(Xtr[b]), ytr[b])
        loss.backward()
        optimizer.step()
    if epoch % 10 == 9:
        print(epoch + 1, loss.item())

net.eval()
with torch.no_grad():
    p = net(Xte)
r2 = 1 - ((p - yte) ** 2).sum() / ((yte - yte.mean()) ** 2).sum()
print(f"R2 = {r2.item():.4f}")
