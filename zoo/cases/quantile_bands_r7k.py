import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(5)
rng = np.random.default_rng(5)

QUANTILES = torch.tensor([0.1, 0.5, 0.9])


def simulate(n):
    """Delivery time against distance and traffic; the spread grows with traffic."""
    distance = rng.uniform(-1, 1, n)
    traffic = rng.uniform(0, 1, n)
    centre = 1.5 * distance + np.sin(3 * distance) + 0.8 * traffic ** 2
    spread = 0.15 + 0.6 * traffic
    y = centre + spread * rng.standard_normal(n)
    X = np.stack([distance, 2 * traffic - 1], axis=1)
    return torch.tensor(X, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)


def pinball(pred, y):
    diff = y.unsqueeze(1) - pred
    return torch.maximum(QUANTILES * diff, (QUANTILES - 1) * diff).mean()


class QuantileNet(nn.Module):
    """A median head and two non-negative offsets, so that the bands never cross."""

    def __init__(self, width=32):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(2, width), nn.ELU(), nn.Linear(width, width), nn.ELU())
        self.median = nn.Linear(width, 1)
        self.offsets = nn.Linear(width, 2)

    def forward(self, x):
        h = self.body(x)
        mid = self.median(h)
        below, above = nn.functional.softplus(self.offsets(h)).chunk(2, dim=1)
        return torch.cat([mid - below, mid, mid + above], dim=1)


X_train, y_train = simulate(4000)
X_test, y_test = simulate(2000)
loader = DataLoader(TensorDataset(X_train, y_train), batch_size=100, shuffle=True)

net = QuantileNet()
optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=20)

for epoch in range(20):
    net.train()
    losses = []
    for xb, yb in loader:
        optimizer.zero_grad()
        loss = pinball(net(xb), yb)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    scheduler.step()
    net.eval()
    with torch.no_grad():
        held_out = pinball(net(X_test), y_test).item()
    print(f"epoch {epoch + 1:2d}  pinball train {np.mean(losses):.4f}  test {held_out:.4f}")

with torch.no_grad():
    low, mid, high = net(X_test).T
    coverage = ((y_test > low) & (y_test < high)).float().mean().item()
    baseline = pinball(torch.quantile(y_train, QUANTILES).expand(len(y_test), 3), y_test).item()
print(f"80% band covers {coverage:.1%}, mean width {(high - low).mean():.3f}")
print(f"pinball skill over constant quantiles: {1 - held_out / baseline:.3f}")
