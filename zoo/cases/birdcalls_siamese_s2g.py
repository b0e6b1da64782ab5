"""Same bird or not? A siamese 1-D conv net on synthetic calls; tested on birds it has never heard."""
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(17)
rng = np.random.default_rng(17)
LENGTH = 64
t = np.linspace(0, 1, LENGTH)


def new_birds(n):
    """Each bird: pitch at the start, pitch at the end, trill speed, position of the loudest part."""
    low, high = np.array([3, 3, 2, 0.25]), np.array([14, 14, 9, 0.75])
    return low + (high - low) * rng.random((n, 4))


def record(birds):
    """One fresh recording of each row of `birds`."""
    b = birds * (1 + 0.02 * rng.standard_normal(birds.shape))
    start, end, trill, peak = (b[:, k:k + 1] for k in range(4))
    phase = 0.4 * rng.standard_normal((len(b), 1))
    tone = np.sin(2 * np.pi * (start * t + (end - start) * t**2 / 2) + phase)
    envelope = np.exp(-((t - peak) / 0.25) ** 2) * (0.65 + 0.35 * np.sin(2 * np.pi * trill * t))
    sound = rng.uniform(0.85, 1.15, (len(b), 1)) * tone * envelope
    sound = 2.5 * (sound + 0.05 * rng.standard_normal(sound.shape))
    return torch.tensor(sound, dtype=torch.float32).unsqueeze(1)


def pairs(birds, n):
    a = rng.integers(0, len(birds), n)
    same = rng.random(n) < 0.5
    shift = rng.integers(1, len(birds), n)
    b = np.where(same, a, (a + shift) % len(birds))
    return record(birds[a]), record(birds[b]), torch.tensor(same, dtype=torch.float32)


class CallEncoder(nn.Module):
    def __init__(self, dim=16):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv1d(1, 16, 7, padding=3), nn.ReLU(), nn.MaxPool1d(2),
            nn.Conv1d(16, 32, 5, padding=2), nn.ReLU(), nn.MaxPool1d(2),
            nn.Conv1d(32, 32, 3, padding=1), nn.ReLU(), nn.MaxPool1d(2),
        )
        self.project = nn.Linear(32 * LENGTH // 8, dim)

    def forward(self, x):
        return self.project(self.features(x).flatten(1))


def contrastive(za, zb, same, margin=1.0):
    d = F.pairwise_distance(za, zb)
    return (same * d**2 + (1 - same) * F.relu(margin - d) ** 2).mean(), d


known, unknown = new_birds(300), new_birds(100)
valid = pairs(unknown, 800)
encoder = CallEncoder()
optimizer = torch.optim.Adam(encoder.parameters(), lr=1e-3)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=420)


def check():
    encoder.eval()
    with torch.no_grad():
        loss, d = contrastive(encoder(valid[0]), encoder(valid[1]), valid[2])
    encoder.train()
    return loss.item(), ((d < 0.5).float() == valid[2]).float().mean().item()


smooth = None
for step in range(1, 421):
    xa, xb, same = pairs(known, 64)
    loss, _ = contrastive(encoder(xa), encoder(xb), same)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    schedule.step()
    smooth = loss.item() if smooth is None else 0.95 * smooth + 0.05 * loss.item()
    if step % 60 == 0:
        val_loss, val_acc = check()
        print(f"{step:4d}  train {smooth:.4f}  new birds {val_loss:.4f}  accuracy {val_acc:.3f}")

print(f"verification accuracy on new birds: {val_acc:.3f}")
