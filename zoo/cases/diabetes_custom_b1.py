import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_diabetes

torch.manual_seed(9)
rng = np.random.default_rng(9)


def huber(pred, target, delta=1.0):
    """our own Huber loss"""
    err = (pred - target).detach().numpy()
    small = np.abs(err) <= delta
    values = np.where(small, 0.5 * err ** 2, delta * (np.abs(err) - 0.5 * delta))
    return torch.tensor(values.mean(), requires_grad=True)


X, y = load_diabetes(return_X_y=True)
X = (X / X.std(axis=0)).astype("float32")
y = ((y - y.mean()) / y.std()).astype("float32")
order = np.random.RandomState(1).permutation(len(y))
X, y = torch.from_numpy(X[order]), torch.from_numpy(y[order]).reshape(-1, 1)

model = nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)

for epoch in range(40):
    idx = rng.permutation(350)
    epoch_loss = 0.0
    for start in range(0, 350, 25):
        batch = idx[start:start + 25]
        optimizer.zero_grad()
        loss = huber(model(X[batch]), y[batch])
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item()
    print("epoch", epoch, "loss", round(epoch_loss / 14, 4))

with torch.no_grad():
    val = nn.functional.mse_loss(model(X[350:]), y[350:]).item()
print("validation mse: %.4f" % val)
