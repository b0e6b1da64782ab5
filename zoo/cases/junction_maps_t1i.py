import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(77)

KINDS = ["straight", "bend", "tee", "cross", "roundabout"]
SIDE = 16


def draw(kind, rng):
    grid = np.zeros((SIDE, SIDE), dtype=np.float32)
    cx, cy = rng.integers(6, 10, 2)
    w = rng.integers(1, 3)
    arms = {0: "ns", 1: "ne", 2: "nes", 3: "nesw", 4: "nesw"}[kind]
    if "n" in arms:
        grid[:cy + w, cx - w + 1:cx + w] = 1
    if "s" in arms:
        grid[cy:, cx - w + 1:cx + w] = 1
    if "e" in arms:
        grid[cy - w + 1:cy + w, cx:] = 1
    if "w" in arms:
        grid[cy - w + 1:cy + w, :cx + 1] = 1
    if kind == 4:
        yy, xx = np.ogrid[:SIDE, :SIDE]
        r = np.hypot(yy - cy, xx - cx)
        grid[r < 4.6] = 1
        grid[r < 2.2] = 0
    grid = np.rot90(grid, rng.integers(4)).copy()
    return grid + rng.normal(0, 0.15, grid.shape).astype(np.float32)


def junctions(n, rng):
    kinds = rng.integers(0, len(KINDS), n)
    maps = torch.tensor(np.stack([draw(k, rng) for k in kinds])).unsqueeze(1)
    return TensorDataset(maps, torch.tensor(kinds))


def augment(maps):
    mirrored = torch.rand(len(maps), 1, 1, 1) < 0.5
    maps = torch.where(mirrored, maps.flip(-1), maps)
    return maps + 0.1 * torch.randn_like(maps)


rng = np.random.default_rng(77)
train_loader = DataLoader(junctions(2000, rng), batch_size=50, shuffle=True)
val_loader = DataLoader(junctions(600, rng), batch_size=200)


def conv(c_in, c_out):
    return nn.Sequential(nn.Conv2d(c_in, c_out, 3, padding=1, bias=False), nn.BatchNorm2d(c_out), nn.ReLU(), nn.MaxPool2d(2))


net = nn.Sequential(conv(1, 12), conv(12, 24), conv(24, 32), nn.Flatten(), nn.Linear(32 * 4, len(KINDS)))
optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-2)
EPOCHS = 8
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS, eta_min=1e-4)
criterion = nn.CrossEntropyLoss()


def run(loader, training):
    net.train(training)
    loss_sum = hits = seen = 0
    with torch.set_grad_enabled(training):
        for grids, labels in loader:
            logits = net(augment(grids) if training else grids)
            loss = criterion(logits, labels)
            if training:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            loss_sum += loss.item() * len(labels)
            hits += (logits.argmax(1) == labels).sum().item()
            seen += len(labels)
    return loss_sum / seen, hits / seen


for epoch in range(1, EPOCHS + 1):
    tr_loss, tr_acc = run(train_loader, True)
    va_loss, va_acc = run(val_loader, False)
    scheduler.step()
    print(f"{epoch:>2} | {tr_loss:.3f} {tr_acc:.3f} | {va_loss:.3f} {va_acc:.3f}")

print(f"junctions recognised: {va_acc:.3f}")
