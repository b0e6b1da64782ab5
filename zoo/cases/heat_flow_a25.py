"""Estimate the heat flow through a wall from the two thermometers on its sides."""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)

n = 2000
room = torch.randn(n)
gradient = torch.randn(n)
sensors = torch.stack([room + 0.05 * gradient, room - 0.05 * gradient], dim=1)
sensors = (sensors - sensors.mean(0)) / sensors.std(0)
flow = 0.8 * gradient + 0.3 * room + 0.1 * torch.randn(n)
flow = ((flow - flow.mean()) / flow.std()).unsqueeze(1)

train_set = TensorDataset(sensors[:1500], flow[:1500])
loader = DataLoader(train_set, batch_size=100, shuffle=True)
x_val, y_val = sensors[1500:], flow[1500:]

model = nn.Linear(2, 1)
criterion = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.4)

for epoch in range(10):
    total = 0.0
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(x)
    with torch.no_grad():
        val = criterion(model(x_val), y_val).item()
    print(f"epoch {epoch + 1:2d}: train mse {total / len(train_set):.4f}, val mse {val:.4f}")
