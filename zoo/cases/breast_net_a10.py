# breast cancer, small MLP
import numpy as np
import torch
from torch import nn
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import StandardScaler

torch.manual_seed(13)
np.random.seed(13)

X, y = load_breast_cancer(return_X_y=True)
perm = np.random.permutation(len(X))
X, y = X[perm], y[perm]
n_train = 426
scaler = StandardScaler().fit(X[:n_train])
X = torch.tensor(scaler.transform(X), dtype=torch.float32)
y = torch.tensor(y, dtype=torch.float32).view(-1, 1)


def dense(n_in, n_out, bias=0.0):
    layer = nn.Linear(n_in, n_out)
    nn.init.normal_(layer.weight, std=(2 / n_in) ** 0.5)
    nn.init.constant_(layer.bias, bias)
    return layer


model = nn.Sequential(
    dense(30, 64, bias=-0.5), nn.ReLU(),
    dense(64, 32, bias=-6.0), nn.ReLU(),
    dense(32, 1),
)
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)

for epoch in range(40):
    for idx in torch.randperm(n_train).split(16):
        optimizer.zero_grad()
        loss_fn(model(X[idx]), y[idx]).backward()
        optimizer.step()
    with torch.no_grad():
        train_loss = loss_fn(model(X[:n_train]), y[:n_train])
        val_loss = loss_fn(model(X[n_train:]), y[n_train:])
    if epoch % 5 == 4:
        print(f"epoch {epoch + 1}: train {train_loss:.4f} val {val_loss:.4f}")

with torch.no_grad():
    pred = model(X[n_train:]) > 0
print("accuracy = {:.4f}".format((pred == y[n_train:].bool()).float().mean().item()))
print("final val loss {:.4f}".format(val_loss.item()))
