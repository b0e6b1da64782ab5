import copy

import torch
from sklearn.datasets import make_swiss_roll
from torch import nn

torch.manual_seed(14)

points, along = make_swiss_roll(3600, noise=0.15, random_state=7)
points = torch.tensor(points, dtype=torch.float32)
along = torch.tensor(along, dtype=torch.float32).unsqueeze(1)
points = (points - points[:3000].mean(0)) / points[:3000].std(0)
along = (along - along[:3000].mean()) / along[:3000].std()
train_x, train_y = points[:3000], along[:3000]
valid_x, valid_y = points[3000:], along[3000:]


class Residual(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, 2 * width)
        self.down = nn.Linear(2 * width, width)

    def forward(self, h):
        return h + self.down(nn.functional.gelu(self.up(self.norm(h))))


class Unroller(nn.Module):
    def __init__(self, width=40):
        super().__init__()
        self.embed = nn.Linear(3, width)
        self.blocks = nn.Sequential(Residual(width), Residual(width))
        self.read = nn.Linear(width, 1)

    def forward(self, x):
        return self.read(self.blocks(self.embed(x)))


class EMA:
    """A shadow of the model whose weights follow slowly."""

    def __init__(self, model, keep):
        self.keep = keep
        self.shadow = copy.deepcopy(model).eval()
        for p in self.shadow.parameters():
            p.requires_grad = False

    @torch.no_grad()
    def follow(self, model):
        for s, p in zip(self.shadow.parameters(), model.parameters()):
            s.lerp_(p, 1 - self.keep)


model = Unroller()
ema = EMA(model, keep=0.98)
loss_fn = nn.MSELoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-3)
warmup = torch.optim.lr_scheduler.LinearLR(optimizer, 0.1, 1.0, total_iters=40)
cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=960, eta_min=1e-5)
schedule = torch.optim.lr_scheduler.SequentialLR(optimizer, [warmup, cosine], milestones=[40])

step = 0
while step < 1000:
    for idx in torch.randperm(3000).split(75):
        loss = loss_fn(model(train_x[idx]), train_y[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        ema.follow(model)
        step += 1
        if step % 100 == 0:
            with torch.no_grad():
                raw = loss_fn(model(valid_x), valid_y).item()
                smooth = loss_fn(ema.shadow(valid_x), valid_y).item()
            print(f"step {step:5d}  batch {loss.item():.5f}  valid {raw:.5f}  valid (ema) {smooth:.5f}")

with torch.no_grad():
    error = (ema.shadow(valid_x) - valid_y).pow(2).mean() / valid_y.var()
print(f"R^2 of the averaged model: {1 - error.item():.4f}")
