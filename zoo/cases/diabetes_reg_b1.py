# Disease progression after one year, 10 baseline variables
import numpy as np
import torch
from torch import nn, optim
from sklearn.datasets import load_diabetes

torch.manual_seed(21)
np.random.seed(21)

X, y = load_diabetes(return_X_y=True)
X = (X - X.mean(0)) / X.std(0)
y = (y - y.mean()) / y.std()
shuffle = np.random.RandomState(4).permutation(len(X))
X, y = X[shuffle].astype(np.float32), y[shuffle].astype(np.float32).reshape(-1, 1)
X_train, y_train = torch.from_numpy(X[:340]), torch.from_numpy(y[:340])
X_test, y_test = torch.from_numpy(X[340:]), torch.from_numpy(y[340:])

net = nn.Sequential(nn.Linear(10, 8), nn.Tanh(), nn.Linear(8, 1))
mse = nn.MSELoss()
sgd = optim.SGD(net.parameters(), lr=0.003, momentum=0.9)
n_batches = 10

for epoch in range(25):
    order = np.random.permutation(340)
    losses = []
    for rows in np.array_split(order, n_batches):
        out = net(X_train[rows])
        loss = mse(out, y_train[rows])
        loss.backward()
        sgd.step()
        losses.append(loss.item())
    print(f"{epoch:3d}: {np.mean(losses):.4f}")

with torch.no_grad():
    residual = ((net(X_test) - y_test) ** 2).sum()
    total = ((y_test - y_test.mean()) ** 2).sum()
    print(f"R2 = {1 - (residual / total).item():.4f}")
