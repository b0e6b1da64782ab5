import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import make_friedman2
from sklearn.preprocessing import StandardScaler

torch.manual_seed(3)
np.random.seed(3)

# impedance of an RLC circuit from R, omega, L and C
X, y = make_friedman2(n_samples=2000, noise=25.0, random_state=3)
X = StandardScaler().fit_transform(X)
y = StandardScaler().fit_transform(y[:, None])
order = np.random.permutation(2000)
tr, te = order[:1600], order[1600:]
X_tr, y_tr = torch.FloatTensor(X[tr]), torch.FloatTensor(y[tr])
X_te, y_te = torch.FloatTensor(X[te]), torch.FloatTensor(y[te])


class Bottleneck(nn.Module):
    """Wide layer, narrow code, linear read-out."""

    def __init__(self, n_in, wide=64, code=4):
        super().__init__()
        self.wide = nn.Linear(n_in, wide)
        self.code = nn.Linear(wide, code)
        self.out = nn.Linear(code, 1)

    def forward(self, x):
        x = torch.relu(self.wide(x))
        x = torch.relu(self.code(x))
        return self.out(x)


model = Bottleneck(4)
mse = nn.MSELoss()
opt = torch.optim.SGD(model.parameters(), lr=0.3, momentum=0.9)

for epoch in range(30):
    perm = torch.randperm(len(X_tr))
    total = 0.0
    for start in range(0, len(X_tr), 32):
        rows = perm[start:start + 32]
        opt.zero_grad()
        loss = mse(model(X_tr[rows]), y_tr[rows])
        loss.backward()
        opt.step()
        total += loss.item() * len(rows)
    with torch.no_grad():
        val = mse(model(X_te), y_te).item()
    print(f"{epoch + 1:>2} | train mse {total / len(X_tr):.4f} | val mse {val:.4f}")

with torch.no_grad():
    r2 = 1 - mse(model(X_te), y_te) / y_te.var(unbiased=False)
    print("first predictions:", model(X_te[:5]).flatten().tolist())
print(f"R^2 on held-out circuits: {r2.item():.3f}")
