"""Several laboratories measure the same sample; each states its uncertainty.  Pool the reports into one value."""
from dataclasses import dataclass

import torch
import torch.nn as nn


@dataclass
class Config:
    max_labs: int = 8
    width: int = 32
    batch: int = 128
    steps: int = 600
    lr: float = 3e-3
    seed: int = 19


def draw(n, max_labs):
    level = torch.randn(n)
    log_sigma = torch.empty(n, max_labs).uniform_(-2.5, 0.5)
    value = level[:, None] + log_sigma.exp() * torch.randn(n, max_labs)
    count = torch.randint(3, max_labs + 1, (n, 1))
    present = torch.arange(max_labs) < count
    reports = torch.stack([value, log_sigma + 1.0], dim=-1) * present[..., None]
    weight = torch.exp(-2 * log_sigma) * present
    consensus = (weight * value).sum(1) / weight.sum(1)
    return reports, present, consensus


class AttentionPool(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.encode = nn.Sequential(nn.Linear(2, width), nn.GELU(), nn.Linear(width, width), nn.GELU())
        self.score = nn.Linear(width, 1, bias=False)
        self.value = nn.Linear(width, width)
        self.readout = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, 1))

    def forward(self, reports, present):
        h = self.encode(reports)
        score = self.score(h).squeeze(-1).masked_fill(~present, float("-inf"))
        share = score.softmax(dim=1).unsqueeze(-1)
        pooled = (share * self.value(h)).sum(dim=1)
        return self.readout(pooled).squeeze(-1)


cfg = Config()
torch.manual_seed(19)
model = AttentionPool(cfg.width)
optimizer = torch.optim.AdamW(model.parameters(), lr=cfg.lr)
schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=cfg.lr, total_steps=cfg.steps)

smooth = None
for step in range(cfg.steps):
    reports, present, consensus = draw(cfg.batch, cfg.max_labs)
    loss = nn.functional.mse_loss(model(reports, present), consensus)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    schedule.step()
    smooth = loss.item() if smooth is None else 0.95 * smooth + 0.05 * loss.item()
    if (step + 1) % 100 == 0:
        print(f"{step + 1:4d}/{cfg.steps}  mse {smooth:.4f}")

model.eval()
with torch.no_grad():
    reports, present, consensus = draw(4000, cfg.max_labs)
    rest = (model(reports, present) - consensus).pow(2).mean() / consensus.var()
print(f"R2 against the weighted mean: {1 - rest.item():.4f}")
