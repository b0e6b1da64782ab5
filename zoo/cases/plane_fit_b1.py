from torch.nn import *
import torch
from sklearn.datasets import make_regression

torch.manual_seed(4)

# 12 sensors -> one reading, standardized
X, y = make_regression(n_samples=1000, n_features=12, n_informative=8, noise=5.0, random_state=2)
y = (y - y.mean()) / y.std()
X, y = torch.tensor(X).float(), torch.tensor(y).float().view(-1, 1)
train_X, test_X, train_y, test_y = X[:750], X[750:], y[:750], y[750:]

net = Sequential(Linear(12, 40), Tanh(), Linear(40, 40), Tanh(), Linear(40, 1), Tanh())
lossfun = MSELoss()
optim = torch.optim.Adam(net.parameters(), lr=2e-3)

for epoch in range(40):
    for rows in torch.randperm(750).split(25):
        optim.zero_grad()
        e = lossfun(net(train_X[rows]), train_y[rows])
        e.backward()
        optim.step()
    with torch.no_grad():
        v = lossfun(net(test_X), test_y)
    print("epoch", epoch, "train", e.item(), "test", v.item())

print("test mse: %.4f" % v.item())
