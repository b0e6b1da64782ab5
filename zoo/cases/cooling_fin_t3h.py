# Temperature along a cooling fin: theta'' = m^2 theta, theta(0) = 1, theta'(1) = 0.
# The base temperature is built into the ansatz, the insulated tip is part of the loss.
import numpy as np
import torch

torch.manual_seed(3)

M = 2.0
STEPS = 700


class Fin(torch.nn.Module):
    def __init__(self, width=64):
        super().__init__()
        self.a = torch.nn.Linear(1, width)
        self.b = torch.nn.Linear(width, width)
        self.c = torch.nn.Linear(width, 1)

    def forward(self, x):
        h = torch.tanh(self.a(2 * x - 1))
        h = torch.tanh(self.b(h))
        return 1 + x * self.c(h)


def derivative(u, x):
    return torch.autograd.grad(u.sum(), x, create_graph=True)[0]


fin = Fin()
adam = torch.optim.Adam(fin.parameters(), lr=3e-3)
decay = torch.optim.lr_scheduler.CosineAnnealingLR(adam, STEPS, eta_min=1e-5)

for step in range(STEPS):
    x = torch.rand(128, 1, requires_grad=True)
    theta = fin(x)
    d1 = derivative(theta, x)
    d2 = derivative(d1, x)
    interior = (d2 - M ** 2 * theta).pow(2).mean()

    tip = torch.ones(1, 1, requires_grad=True)
    flux = derivative(fin(tip), tip).pow(2).mean()

    loss = interior + flux
    adam.zero_grad()
    loss.backward()
    adam.step()
    decay.step()
    if step % 100 == 0 or step == STEPS - 1:
        print(f"{step:4d}  interior {interior.item():.2e}  tip {flux.item():.2e}")

grid = torch.linspace(0, 1, 201).unsqueeze(1)
exact = np.cosh(M * (1 - grid.numpy())) / np.cosh(M)
with torch.no_grad():
    worst = np.abs(fin(grid).numpy() - exact).max()
print(f"largest deviation from cosh solution: {worst:.5f}")
