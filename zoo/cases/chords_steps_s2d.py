import itertools

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(33)
rng = np.random.default_rng(33)

QUALITIES = {"maj": (0, 4, 7), "min": (0, 3, 7), "dim": (0, 3, 6), "sus4": (0, 5, 7)}
ROOTS = 6


def chroma(n):
    """Pitch-class profiles (24 bins) of noisy chords over six roots."""
    label = rng.integers(0, ROOTS * len(QUALITIES), n)
    profile = np.zeros((n, 24))
    shapes = list(QUALITIES.values())
    for i, k in enumerate(label):
        root, quality = divmod(k, len(QUALITIES))
        for interval in shapes[quality]:
            note = 2 * (root + interval)
            loud = rng.uniform(0.6, 1.4)
            for overtone, level in ((0, 1.0), (14, 0.35), (8, 0.15)):
                profile[i, (note + overtone) % 24] += loud * level
        smear = rng.uniform(0.0, 0.25)
        profile[i] += smear * (np.roll(profile[i], 1) + np.roll(profile[i], -1))
    profile += np.abs(rng.normal(0, 0.12, profile.shape))
    return torch.tensor(profile, dtype=torch.float32), torch.tensor(label)


def block(n_in, n_out):
    return nn.Sequential(nn.Linear(n_in, n_out, bias=False), nn.BatchNorm1d(n_out), nn.ReLU())


x_train, y_train = chroma(3000)
x_valid, y_valid = chroma(800)
center, spread = x_train.mean(0), x_train.std(0)
x_train, x_valid = (x_train - center) / spread, (x_valid - center) / spread

net = nn.Sequential(block(24, 64), *[block(64, 64) for _ in range(8)], nn.Linear(64, ROOTS * len(QUALITIES)))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, nesterov=True)
loader = DataLoader(TensorDataset(x_train, y_train), batch_size=64, shuffle=True, drop_last=True)


def endless(dl):
    while True:
        yield from dl


@torch.no_grad()
def evaluate():
    net.eval()
    logits = net(x_valid)
    acc = (logits.argmax(-1) == y_valid).float().mean().item()
    return loss_fn(logits, y_valid).item(), acc


MAX_STEPS, EVERY = 700, 100
best = 0.0
for step, (xb, yb) in enumerate(itertools.islice(endless(loader), MAX_STEPS)):
    if step % EVERY == 0:
        val_loss, val_acc = evaluate()
        best = max(best, val_acc)
        print(f"step {step:4d}: val loss {val_loss:.3f}, val acc {val_acc:.3f}")
    optimizer.zero_grad()
    loss = loss_fn(net(xb), yb)
    loss.backward()
    optimizer.step()

val_loss, val_acc = evaluate()
print(f"step {MAX_STEPS:4d}: val loss {val_loss:.3f}, val acc {val_acc:.3f} (best before {best:.3f})")
print(f"chord accuracy = {val_acc:.3f}")
