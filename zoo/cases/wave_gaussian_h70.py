import argparse
import torch
import torch.nn as nn


class MeanVar(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(2, hidden), nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh())
        self.mean = nn.Linear(hidden, 1)
        self.var = nn.Sequential(nn.Linear(hidden, 1), nn.Softplus())

    def forward(self, x):
        h = self.body(x)
        return self.mean(h), self.var(h) + 1e-4


def sensor(n):
    """A calibrated sensor: noise is small in the middle of its range and grows to the rim."""
    x = torch.rand(n, 2) * 2 - 1
    signal = 0.5 * torch.sin(3 * x[:, :1]) * torch.cos(2 * x[:, 1:])
    return x, signal + (0.02 + 0.08 * x.norm(dim=1, keepdim=True)) * torch.randn(n, 1)


if __name__ == "__main__":
    ap = argparse.ArgumentParser()
    ap.add_argument("--steps", type=int, default=2000)
    ap.add_argument("--lr", type=float, default=3e-3)
    ap.add_argument("--hidden", type=int, default=32)
    args = ap.parse_args()
    torch.manual_seed(61)
    x_val, y_val = sensor(1000)
    model = MeanVar(args.hidden)
    nll = nn.GaussianNLLLoss()
    opt = torch.optim.Adam(model.parameters(), lr=args.lr)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, args.steps)
    for step in range(args.steps):
        x, y = sensor(64)
        m, v = model(x)
        loss = nll(m, y, v)
        opt.zero_grad()
        loss.backward()
        opt.step()
        sched.step()
        if step % 200 == 0:
            print(f"step {step} nll {loss.item():.3f}")
    with torch.no_grad():
        m, v = model(x_val)
        val = nll(m, y_val, v).item()
    print(f"validation nll: {val:.3f}")
