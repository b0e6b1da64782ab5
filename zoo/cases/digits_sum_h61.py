import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

torch.manual_seed(4)

digits = load_digits()
X = torch.tensor(digits.data, dtype=torch.float32) / 16
T = F.one_hot(torch.tensor(digits.target), 10).float()
perm = torch.randperm(len(X))
X, T = X[perm], T[perm]
train_X, train_T, test_X, test_T = X[:1440], T[:1440], X[1440:], T[1440:]


class Perceptron(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(64, 100)
        self.b = nn.Linear(100, 10)

    def forward(self, x):
        return self.b(torch.relu(self.a(x)))


net = Perceptron()
# the loss is summed over the batch of 96, the step is chosen accordingly
optimizer = torch.optim.SGD(net.parameters(), lr=2e-3, momentum=0.9)
for epoch in range(20):
    total = 0.0
    for xb, tb in zip(train_X.split(96), train_T.split(96)):
        out = net(xb)
        loss = F.cross_entropy(out, tb, reduction="sum")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    k = torch.randperm(len(train_X))
    train_X, train_T = train_X[k], train_T[k]
    print("epoch", epoch, "summed loss", round(total, 1))

with torch.no_grad():
    acc = (net(test_X).argmax(1) == test_T.argmax(1)).float().mean().item()
print("test accuracy:", round(acc, 3))
