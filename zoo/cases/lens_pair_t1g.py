# Two thin lenses on a bench: predict where the image falls and how large it is.
import math

import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingWarmRestarts
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(90)


def bench(n):
    f1 = torch.empty(n).uniform_(5, 12)
    f2 = torch.empty(n).uniform_(-30, -12)
    gap = torch.empty(n).uniform_(0.5, 3)
    obj = torch.empty(n).uniform_(40, 120)
    im1 = 1 / (1 / f1 - 1 / obj)
    o2 = gap - im1
    im2 = 1 / (1 / f2 - 1 / o2)
    vergence = 100 / im2
    magnif = (im1 / obj).log()
    return torch.stack([f1, f2, gap, obj], 1), torch.stack([vergence, magnif], 1)


x, y = bench(5000)
y = y + torch.randn_like(y) * y.std(0) * 0.05
x = (x - x[:4000].mean(0)) / x[:4000].std(0)
y = (y - y[:4000].mean(0)) / y[:4000].std(0)
loader = DataLoader(TensorDataset(x[:4000], y[:4000]), batch_size=50, shuffle=True)
x_val, y_val = x[4000:], y[4000:]


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, h):
        return h + self.body(h)


model = nn.Sequential(nn.Linear(4, 32), Block(32), Block(32), nn.SiLU(), nn.Linear(32, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.03, momentum=0.9, nesterov=True)
scheduler = CosineAnnealingWarmRestarts(optimizer, T_0=3, T_mult=2, eta_min=3e-4)
mse = nn.MSELoss()

EPOCHS = 21  # cycles of 3, 6 and 12
for epoch in range(EPOCHS):
    model.train()
    total = 0.0
    for i, (xb, yb) in enumerate(loader):
        optimizer.zero_grad()
        loss = mse(model(xb), yb)
        loss.backward()
        optimizer.step()
        scheduler.step(epoch + i / len(loader))
        total += loss.item() * len(xb)
    model.eval()
    with torch.no_grad():
        val = mse(model(x_val), y_val).item()
    print(f"epoch {epoch + 1:2d}: train {total / 4000:.5f}, val {val:.5f}, lr {optimizer.param_groups[0]['lr']:.4f}")

print(f"rms error on the validation bench: {math.sqrt(val):.4f} standard deviations")
