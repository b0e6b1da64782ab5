import argparse
import torch
import torch.nn as nn
from sklearn.datasets import make_circles

parser = argparse.ArgumentParser()
parser.add_argument("--hidden", type=int, nargs="+", default=[32, 32, 16])
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--epochs", type=int, default=50)
args = parser.parse_args()

torch.manual_seed(1)


def mlp(sizes):
    layers = []
    for n_in, n_out in zip(sizes[:-2], sizes[1:-1]):
        layers.append(nn.Linear(n_in, n_out))
        layers.append(nn.BatchNorm1d(n_out))
    layers.append(nn.Linear(sizes[-2], sizes[-1]))
    return nn.Sequential(*layers)


X, y = make_circles(n_samples=1000, noise=0.1, factor=0.5, random_state=1)
X = torch.from_numpy(X).float()
y = torch.from_numpy(y)
n = 700

model = mlp([2, *args.hidden, 2])
optimizer = torch.optim.SGD(model.parameters(), lr=args.lr)
for epoch in range(args.epochs):
    model.train()
    perm = torch.randperm(n)
    for i in range(0, n, 35):
        rows = perm[i:i + 35]
        loss = nn.functional.cross_entropy(model(X[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        acc_tr = (model(X[:n]).argmax(1) == y[:n]).float().mean()
        acc_te = (model(X[n:]).argmax(1) == y[n:]).float().mean()
    if epoch % 5 == 4:
        print(f"epoch {epoch + 1}: train acc {acc_tr:.3f}, test acc {acc_te:.3f}")
print(f"test accuracy: {acc_te:.3f}")
