"""Locate the centre of a bright spot: a small heatmap network on 20x20 frames."""
import numpy as np
import torch
from torch import nn

rng = np.random.default_rng(4)
torch.manual_seed(4)
SIZE = 20
grid_y, grid_x = np.mgrid[0:SIZE, 0:SIZE]


def frames(n):
    """Frames with one cross-shaped marker and two round decoys."""
    x = rng.normal(0, 0.15, (n, SIZE, SIZE))
    centre = rng.integers(3, SIZE - 3, (n, 2))
    target = np.zeros((n, SIZE, SIZE))
    for k, (r, c) in enumerate(centre):
        for _ in range(2):
            dr, dc = rng.integers(2, SIZE - 2, 2)
            x[k] += 0.9 * np.exp(-((grid_y - dr) ** 2 + (grid_x - dc) ** 2) / 3.0)
        x[k, r - 2:r + 3, c] += 1.0
        x[k, r, c - 2:c + 3] += 1.0
        target[k] = np.exp(-((grid_y - r) ** 2 + (grid_x - c) ** 2) / 2.0)
    as_t = lambda a: torch.tensor(a, dtype=torch.float32)
    return as_t(x)[:, None], as_t(target)[:, None], as_t(centre)


class HeatmapNet(nn.Module):
    def __init__(self, width=16, prior=0.1):
        super().__init__()
        self.conv1 = nn.Conv2d(1, width, 5, padding=2)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        self.head = nn.Conv2d(width, 1, 1)
        # start from a low probability in every cell, as detectors do
        start = -float(np.log((1 - prior) / prior))
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.constant_(m.bias, start)

    def forward(self, x):
        x = torch.relu(self.conv1(x))
        x = torch.relu(self.conv2(x))
        return self.head(x)


def peak(heat):
    flat = heat.flatten(1).argmax(1)
    return torch.stack([flat // SIZE, flat % SIZE], 1).float()


train_x, train_t, train_c = frames(800)
test_x, test_t, test_c = frames(300)
mean, std = train_x.mean(), train_x.std()
train_x, test_x = (train_x - mean) / std, (test_x - mean) / std

model = HeatmapNet()
opt = torch.optim.Adam(model.parameters(), lr=3e-3)
criterion = nn.BCEWithLogitsLoss()

for epoch in range(1, 7):
    running = 0.0
    for idx in torch.randperm(len(train_x)).split(32):
        loss = criterion(model(train_x[idx]), train_t[idx])
        opt.zero_grad()
        loss.backward()
        opt.step()
        running += loss.item() * len(idx)
    with torch.no_grad():
        out = model(test_x)
        miss = (peak(out) - test_c).norm(dim=1)
    print(f"[{epoch}] train {running / len(train_x):.4f}  test {criterion(out, test_t):.4f}  miss {miss.mean():.2f} px")

print(f"within 1.5 px: {(miss < 1.5).float().mean().item():.3f}")
