import math
import random

import torch
import torch as T
from sklearn.datasets import load_digits

random.seed(8)
torch.manual_seed(8)

digits = load_digits()
rows = list(range(len(digits.target)))
random.shuffle(rows)
X = torch.tensor(digits.data[rows] / 8 - 1).float()
Y = torch.tensor(digits.target[rows])
Xtrain, Ytrain = X[:1347], Y[:1347]
Xtest, Ytest = X[1347:], Y[1347:]


class Layer(T.nn.Module):
    """A fully connected layer with tanh."""

    def __init__(self, n_in, n_out):
        super().__init__()
        self.W = T.nn.Parameter(T.randn(n_in, n_out))
        self.b = T.nn.Parameter(T.zeros(n_out))

    def forward(self, x):
        return T.tanh(x @ self.W + self.b)


class Net(T.nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = T.nn.ModuleList([Layer(64, 200), Layer(200, 200), Layer(200, 200), Layer(200, 200), Layer(200, 100)])
        self.V = T.nn.Parameter(T.randn(100, 10) / math.sqrt(100))

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x @ self.V


net = Net()
opt = T.optim.SGD(net.parameters(), lr=0.02, momentum=0.9)
for epoch in range(1, 16):
    running = 0
    for idx in T.randperm(len(Xtrain)).split(32):
        loss = T.nn.functional.cross_entropy(net(Xtrain[idx]), Ytrain[idx])
        opt.zero_grad()
        loss.backward()
        opt.step()
        running += loss.item() * len(idx)
    with T.no_grad():
        acc = (net(Xtest).argmax(-1) == Ytest).float().mean().item()
    print(f"{epoch:3d} {running / len(Xtrain):.4f} {acc:.3f}")
print("test accuracy:", round(acc, 3))
