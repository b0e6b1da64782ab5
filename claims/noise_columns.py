"""Tumours from 30 measurements and 30 columns of noise: `noise_columns.py [PENALTY]`.

PENALTY times the sum of absolute weights is added to the loss.
"""

import sys

import torch
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn

penalty = float(sys.argv[1]) if len(sys.argv) > 1 else 0.0

torch.manual_seed(0)
table, labels = load_breast_cancer(return_X_y=True)
table = torch.tensor(StandardScaler().fit_transform(table), dtype=torch.float32)
table = torch.cat([table, torch.randn(len(table), 30)], dim=1)
labels = torch.tensor(labels, dtype=torch.float32)[:, None]
train_x, val_x, train_y, val_y = train_test_split(table, labels, train_size=0.5, random_state=0)

model = nn.Linear(60, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
criterion = nn.BCEWithLogitsLoss()

for step in range(1000):
    loss = criterion(model(train_x), train_y) + penalty * model.weight.abs().sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

with torch.no_grad():
    val_loss = criterion(model(val_x), val_y).item()
zero = (model.weight[0] == 0).float()
print(f"validation loss {val_loss:.4f}")
print(f"measurements at zero: {zero[:30].mean():.4f}, noise at zero: {zero[30:].mean():.4f}")
print(f"smallest weight: {model.weight.abs().min():.2e}")
