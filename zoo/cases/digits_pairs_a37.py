"""Contrastive embedding of the digits; evaluated by nearest class centre."""
import torch
import torch.nn as nn
import torch.optim as optim
from sklearn.datasets import load_digits

torch.manual_seed(12)

digits = load_digits()
X = torch.tensor(digits.data / 16, dtype=torch.float32)
y = torch.tensor(digits.target)
perm = torch.randperm(len(y))
X_train, y_train, X_test, y_test = X[perm[:1300]], y[perm[:1300]], X[perm[1300:]], y[perm[1300:]]


class Embed(nn.Module):
    def __init__(self, dim=8):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, dim))

    def forward(self, x):
        return self.net(x)


def distance(a, b):
    return torch.sqrt(((a - b) ** 2).sum(dim=1))


def contrastive_loss(a, b, same, margin=2.0):
    d = distance(a, b)
    return torch.where(same, d ** 2, torch.relu(margin - d) ** 2).mean()


model = Embed()
optimizer = optim.Adam(model.parameters(), lr=1e-3)
BATCH = 32

for step in range(1200):
    i = torch.randint(0, len(X_train), (BATCH,))
    j = torch.randint(0, len(X_train), (BATCH,))
    loss = contrastive_loss(model(X_train[i]), model(X_train[j]), y_train[i] == y_train[j])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 100 == 0:
        print(f"step {step}: loss {loss.item():.4f}")

with torch.no_grad():
    z, zt = model(X_train), model(X_test)
    centres = torch.stack([z[y_train == c].mean(0) for c in range(10)])
    acc = (torch.cdist(zt, centres).argmin(1) == y_test).float().mean()
print(f"nearest-centre accuracy: {acc:.3f}")
