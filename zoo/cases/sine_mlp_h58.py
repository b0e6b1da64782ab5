import math
import torch

# fit one period of a sine with a small tanh network
torch.manual_seed(35)
x = torch.linspace(-math.pi, math.pi, 400).unsqueeze(1)
y = torch.sin(x)

model = torch.nn.Sequential(torch.nn.Linear(1, 20), torch.nn.Tanh(), torch.nn.Linear(20, 20), torch.nn.Tanh(), torch.nn.Linear(20, 1))
loss_fn = torch.nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

for t in range(2000):
    batch = torch.randint(0, len(x), (40,))
    loss = loss_fn(model(x[batch]), y[batch])
    if t % 200 == 0:
        print(t, loss.item())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

grid = torch.linspace(-3, 3, 301).unsqueeze(1)
with torch.no_grad():
    err = (model(grid) - grid.sin()).abs().max().item()
print(f"largest error: {err:.4f}")
