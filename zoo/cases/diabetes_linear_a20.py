import numpy as np
import torch
from sklearn.datasets import load_diabetes

torch.manual_seed(1)

X, y = load_diabetes(return_X_y=True)
X = (X - X.mean(0)) / X.std(0)
y = (y - y.mean()) / y.std()
X = torch.from_numpy(X).float()
y = torch.from_numpy(y).float()[:, None]

order = torch.randperm(len(X))
train, test = order[:330], order[330:]

model = torch.nn.Linear(10, 1)
loss_fn = torch.nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.5)

for epoch in range(200):
    optimizer.zero_grad()
    loss = loss_fn(model(X[train]), y[train])
    loss.backward()
    optimizer.step()
    if epoch % 20 == 0:
        print("epoch %d loss %g" % (epoch, loss.item()))

with torch.no_grad():
    test_loss = loss_fn(model(X[test]), y[test]).item()
print("test mse: %g" % test_loss)
