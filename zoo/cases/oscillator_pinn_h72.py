"""Physics-informed network for u'' + 2 u' + 10 u = 0, u(0) = 1, u'(0) = 0 on [0, 2]."""
import torch
from torch import nn

torch.manual_seed(37)


def exact(t):
    return torch.exp(-t) * (torch.cos(3 * t) + torch.sin(3 * t) / 3)


def d(u, t):
    return torch.autograd.grad(u, t, torch.ones_like(u), create_graph=True)[0]


net = nn.Sequential(nn.Linear(1, 24), nn.Tanh(), nn.Linear(24, 24), nn.Tanh(), nn.Linear(24, 1))
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
sched = torch.optim.lr_scheduler.StepLR(opt, 500, gamma=0.5)
t0 = torch.zeros(1, 1, requires_grad=True)

for step in range(1500):
    t = (2 * torch.rand(48, 1)).requires_grad_()
    u = net(t)
    du = d(u, t)
    residual = (d(du, t) + 2 * du + 10 * u).pow(2).mean()
    u0 = net(t0)
    start = (u0 - 1).pow(2).sum() + d(u0, t0).pow(2).sum()
    loss = 0.05 * residual + start
    opt.zero_grad()
    loss.backward()
    opt.step()
    sched.step()
    if step % 150 == 0:
        print(f"{step:5d}  residual {residual.item():.4f}  start {start.item():.5f}")

with torch.no_grad():
    t = torch.linspace(0, 2, 201).unsqueeze(1)
    err = (net(t) - exact(t)).abs().max().item()
print(f"max error: {err:.4f}")
