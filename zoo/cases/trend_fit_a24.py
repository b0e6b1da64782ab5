"""Fit a cubic trend to a series by gradient descent, as in the lecture notes."""
import torch

torch.manual_seed(0)

t = torch.linspace(0, 1, 120)
series = 1.0 - 2.5 * t + 4.0 * t ** 3 + 0.05 * torch.randn(120)
features = torch.stack([t, t ** 2, t ** 3], dim=1)
held_out = torch.zeros(120, dtype=torch.bool)
held_out[::4] = True

model = torch.nn.Linear(3, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.63)

for step in range(1500):
    prediction = model(features[~held_out]).squeeze(1)
    loss = torch.mean((prediction - series[~held_out]) ** 2)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 100 == 0:
        print(f"step {step:4d} loss {loss.item():.6f}")

with torch.no_grad():
    error = torch.mean((model(features[held_out]).squeeze(1) - series[held_out]) ** 2)
print(f"held-out mse: {error.item():.6f}")
