"""Learn features on the digits 0-4, reuse them for the digits 5-9."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

torch.manual_seed(17)


def make_net(n_out):
    return nn.Sequential(
        nn.Linear(64, 128), nn.BatchNorm1d(128), nn.ReLU(),
        nn.Linear(128, 64), nn.BatchNorm1d(64), nn.ReLU(),
        nn.Linear(64, n_out),
    )


def fit(net, optimizer, X, y, epochs):
    for epoch in range(epochs):
        net.train()
        total, n = 0.0, 0
        for rows in torch.randperm(len(X)).split(32):
            if len(rows) < 32:
                continue
            optimizer.zero_grad()
            loss = F.cross_entropy(net(X[rows]), y[rows])
            loss.backward()
            optimizer.step()
            total += loss.item()
            n += 1
        print(f"  epoch {epoch + 1:2d} loss {total / n:.4f}")


def accuracy(net, X, y):
    net.eval()
    with torch.no_grad():
        return (net(X).argmax(1) == y).float().mean().item()


digits = load_digits()
X = torch.tensor(digits.data / 16, dtype=torch.float32)
y = torch.tensor(digits.target)
low, high = torch.where(y < 5)[0], torch.where(y >= 5)[0]
high = high[torch.randperm(len(high))]
train, test = high[:600], high[600:]

print("source task")
net = make_net(5)
fit(net, torch.optim.Adam(net.parameters(), lr=1e-3), X[low], y[low], epochs=6)

print("target task")
net[6] = nn.Linear(64, 5)
for name, p in net.named_parameters():
    p.requires_grad = name.startswith("1.") or name.startswith("4.")   # keep the norms adaptive
head = net[6]
optimizer = torch.optim.Adam(head.parameters(), lr=1e-3)
fit(net, optimizer, X[train], y[train] - 5, epochs=30)
print(f"test accuracy: {accuracy(net, X[test], y[test] - 5):.4f}")
