"""Four tables and one deep network, one training loop: `task.py wine`."""

import sys

import torch
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.preprocessing import StandardScaler
from torch import nn

name = sys.argv[1]

torch.manual_seed(0)
tables = {
    "wine": load_wine,
    "breast_cancer": load_breast_cancer,
    "diabetes": load_diabetes,
    "digits": load_digits,
    "deep": load_digits,
}
features, targets = tables[name](return_X_y=True)
x = torch.tensor(StandardScaler().fit_transform(features), dtype=torch.float32)
if name == "diabetes":
    y = torch.tensor((targets - targets.mean()) / targets.std(), dtype=torch.float32)[:, None]
    criterion, outputs = nn.MSELoss(), 1
else:
    y = torch.tensor(targets)
    criterion, outputs = nn.CrossEntropyLoss(), int(y.max()) + 1

width = x.shape[1]
if name == "deep":
    hidden = [m for size in (width, 48, 48, 48) for m in (nn.Linear(size, 48), nn.Tanh())]
else:
    hidden = [nn.Linear(width, 48), nn.ReLU()]
model = nn.Sequential(*hidden, nn.Linear(48, outputs))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

passes = 9600 // len(x)
for epoch in range(passes):
    for batch in torch.randperm(len(x)).split(32):
        optimizer.zero_grad()
        loss = criterion(model(x[batch]), y[batch])
        loss.backward()
        optimizer.step()

with torch.no_grad():
    print(f"loss over all rows: {criterion(model(x), y).item():.5f}")
