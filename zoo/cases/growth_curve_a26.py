"""Fit a logistic growth curve to daily measurements of a culture."""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(2)

days = torch.arange(0.0, 120.0, 0.5)
size = 1.3 * torch.sigmoid(0.11 * (days - 62.0)) + 0.02 * torch.randn(len(days))
held_out = torch.arange(len(days)) % 5 == 0
train = DataLoader(TensorDataset(days[~held_out], size[~held_out]), batch_size=24, shuffle=True)


class LogisticGrowth(nn.Module):
    def __init__(self):
        super().__init__()
        self.capacity = nn.Parameter(torch.tensor(1.0))
        self.rate = nn.Parameter(torch.tensor(0.05))
        self.midpoint = nn.Parameter(torch.tensor(40.0))

    def forward(self, t):
        return self.capacity * torch.sigmoid(self.rate * (t - self.midpoint))


model = LogisticGrowth()
optimizer = torch.optim.SGD(model.parameters(), lr=2e-3)

for epoch in range(200):
    total = 0.0
    for t, s in train:
        optimizer.zero_grad()
        loss = ((model(t) - s) ** 2).mean()
        loss.backward()
        optimizer.step()
        total += loss.item()
    if epoch % 20 == 0:
        print(f"epoch {epoch:3d}: mse {total / len(train):.5f}  "
              + "  ".join(f"{k}={v.item():.3f}" for k, v in model.named_parameters()))

with torch.no_grad():
    rmse = ((model(days[held_out]) - size[held_out]) ** 2).mean().sqrt()
print(f"held-out rmse: {rmse:.4f}")
