"""Progress of diabetes from correlated measurements: linear regression at the edge of stability."""

import torch
from sklearn.datasets import load_diabetes
from sklearn.preprocessing import StandardScaler
from torch import nn

torch.manual_seed(0)
table, progress = load_diabetes(return_X_y=True)
x = torch.tensor(StandardScaler().fit_transform(table), dtype=torch.float32)
y = torch.tensor((progress - progress.mean()) / progress.std(), dtype=torch.float32)[:, None]

model = nn.Linear(10, 1)
nn.init.normal_(model.weight)
optimizer = torch.optim.SGD(model.parameters(), lr=0.248)

best = nn.functional.mse_loss(x @ torch.linalg.lstsq(x, y).solution, y).item()
for step in range(300):
    loss = nn.functional.mse_loss(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

print(f"loss above the least: {max(loss.item() - best, 1e-7):.3g}")
