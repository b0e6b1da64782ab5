import math
import torch

torch.manual_seed(2)

x = torch.linspace(-math.pi, math.pi, 256).unsqueeze(1)
y = torch.sin(x).squeeze() + 0.05 * torch.randn(256)

w = torch.nn.Sequential(
    torch.nn.Linear(1, 24),
    torch.nn.Tanh(),
    torch.nn.Linear(24, 1),
)
opt = torch.optim.Adam(w.parameters(), lr=0.01)

for step in range(1500):
    i = torch.randint(0, 256, (64,))
    yhat = w(x[i])
    loss = ((yhat - y[i]) ** 2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 150 == 0:
        print(step, f"{loss.item():.4f}")

grid = torch.linspace(-3, 3, 101)[:, None]
err = (w(grid) - torch.sin(grid)).abs().mean()
print(f"mean abs error on the grid: {err.item():.4f}")
