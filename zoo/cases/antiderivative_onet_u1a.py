"""Learn the map  u(t)  ->  integral of u from 0 to t  with a branch/trunk network."""
import math

import torch
from torch import nn

torch.manual_seed(21)

SENSORS = 24
grid = torch.linspace(0, 1, SENSORS)


def sample_functions(n):
    # random Fourier sums together with their exact primitives
    k = torch.arange(1, 4).float()
    a, b, c = torch.randn(n, 3) / k, torch.randn(n, 3) / k, torch.randn(n, 1)
    w = math.pi * k

    def u(t):
        return c + (a.unsqueeze(1) * torch.sin(w * t.unsqueeze(-1)) + b.unsqueeze(1) * torch.cos(w * t.unsqueeze(-1))).sum(-1)

    def primitive(t):
        s = a.unsqueeze(1) * (1 - torch.cos(w * t.unsqueeze(-1))) / w + b.unsqueeze(1) * torch.sin(w * t.unsqueeze(-1)) / w
        return c * t + s.sum(-1)

    t = torch.rand(n, 16)
    return u(grid.expand(n, -1)), t, primitive(t)


def tower(n_in, width, n_out, depth, act):
    layers = [nn.Linear(n_in, width), act()]
    for _ in range(depth - 1):
        layers += [nn.Linear(width, width), act()]
    return nn.Sequential(*layers, nn.Linear(width, n_out))


class OperatorNet(nn.Module):
    def __init__(self, width=40, basis=24, depth=7, act=nn.Sigmoid):
        super().__init__()
        self.branch = tower(SENSORS, width, basis, depth, act)
        self.trunk = tower(1, width, basis, depth, act)
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, u, t):
        coefficients = self.branch(u)
        functions = self.trunk(2 * t.unsqueeze(-1) - 1)
        return torch.einsum("nb,npb->np", coefficients, functions) + self.bias


u_train, t_train, s_train = sample_functions(2000)
u_test, t_test, s_test = sample_functions(400)

net = OperatorNet()
opt = torch.optim.Adam(net.parameters(), lr=2e-3)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, T_max=14)

for epoch in range(14):
    order = torch.randperm(2000)
    running = 0.0
    for idx in order.split(50):
        loss = nn.functional.mse_loss(net(u_train[idx], t_train[idx]), s_train[idx])
        opt.zero_grad()
        loss.backward()
        opt.step()
        running += loss.item() * len(idx)
    sched.step()
    print(f"[{epoch:02d}] mse {running / 2000:.5f}")

with torch.no_grad():
    error = (net(u_test, t_test) - s_test).norm() / s_test.norm()
print(f"relative L2 error on new functions: {error.item():.4f}")
