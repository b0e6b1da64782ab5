import numpy as np
import torch
import torch.nn as nn

np.random.seed(3)
torch.manual_seed(3)

# y = 5 x^2 + noise
x = np.arange(0, 5, 0.1)
y = 5 * x ** 2 + np.random.randn(50) ** 3
x = torch.tensor((x - x.mean()) / x.std(), dtype=torch.float32).view(-1, 1)
y = torch.tensor(y, dtype=torch.float32).view(-1, 1)

model = nn.Sequential(
    nn.Linear(1, 50), nn.ReLU(),
    nn.Linear(50, 30), nn.ReLU(),
    nn.Linear(30, 1),
)
loss_fn = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

for epoch in range(200):
    order = torch.randperm(50)
    for i in range(0, 50, 10):
        batch = order[i:i + 10]
        optimizer.zero_grad()
        loss = loss_fn(model(x[batch]), y[batch])
        loss.backward()
        optimizer.step()
    if epoch % 20 == 0:
        print("epoch", epoch, "loss", loss.item())

with torch.no_grad():
    fit = model(x)
    print(f"R2 = {1 - ((fit - y) ** 2).mean().item() / y.var().item():.4f}")
