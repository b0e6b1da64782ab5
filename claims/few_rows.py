"""Progress of diabetes from a few rows with a network of a given width: `few_rows.py 128`."""

import sys

import torch
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn

width = int(sys.argv[1])

torch.manual_seed(0)
table, progress = load_diabetes(return_X_y=True)
table = StandardScaler().fit_transform(table)
progress = (progress - progress.mean()) / progress.std()
rows = [torch.tensor(part, dtype=torch.float32) for part in (table, progress[:, None])]
train_x, val_x, train_y, val_y = train_test_split(*rows, train_size=150, random_state=0)

model = nn.Sequential(
    nn.Linear(10, width),
    nn.ReLU(),
    nn.Linear(width, width),
    nn.ReLU(),
    nn.Linear(width, 1),
)
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
criterion = nn.MSELoss()

lowest = float("inf")
for epoch in range(80):
    model.train()
    for batch in torch.randperm(len(train_x)).split(30):
        optimizer.zero_grad()
        loss = criterion(model(train_x[batch]), train_y[batch])
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        val_loss = criterion(model(val_x), val_y).item()
    lowest = min(lowest, val_loss)

with torch.no_grad():
    fitted = criterion(model(train_x), train_y).item()
    weights = torch.cat([p.flatten() for p in model.parameters() if p.ndim > 1])
print(f"training loss {fitted:.4f}, validation loss {val_loss:.4f}, at its lowest {lowest:.4f}")
print(f"weights exactly zero: {(weights == 0).float().mean():.4f}")
