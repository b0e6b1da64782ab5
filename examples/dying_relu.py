"""Tell benign from malignant tumours."""

import numpy as np
import torch
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn, optim

np.random.seed(0)
torch.manual_seed(0)

X, y = load_breast_cancer(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=0, stratify=y)
scaler = StandardScaler().fit(X_train)
X_train = torch.from_numpy(scaler.transform(X_train)).float()
X_test = torch.from_numpy(scaler.transform(X_test)).float()
y_train, y_test = torch.from_numpy(y_train).long(), torch.from_numpy(y_test).long()

net = nn.Sequential(
    nn.Linear(30, 64),
    nn.ReLU(),
    nn.Linear(64, 32),
    nn.ReLU(),
    nn.Linear(32, 2),
)
# start with sparse activations
for layer in net:
    if isinstance(layer, nn.Linear):
        nn.init.constant_(layer.bias, -4.0)

loss_fn = nn.CrossEntropyLoss()
opt = optim.SGD(net.parameters(), lr=0.05, momentum=0.9)

for epoch in range(1, 41):
    net.train()
    shuffled = np.random.permutation(len(X_train))
    for start in range(0, len(shuffled), 32):
        rows = shuffled[start : start + 32]
        loss = loss_fn(net(X_train[rows]), y_train[rows])
        opt.zero_grad()
        loss.backward()
        opt.step()
    net.eval()
    with torch.no_grad():
        val_loss = loss_fn(net(X_test), y_test)
        acc = (net(X_test).argmax(1) == y_test).float().mean().item()
    if epoch % 10 == 0:
        print(f"{epoch:3d}  loss {loss.item():.4f}  val loss {val_loss.item():.4f}  val acc {acc:.3f}")

print(f"val accuracy: {acc:.3f}")
