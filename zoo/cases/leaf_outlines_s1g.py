"""Tell six tree species apart by the outline of a leaf (radius at 36 angles)."""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(3)
rng = np.random.default_rng(3)

ANGLES = np.linspace(0, 2 * np.pi, 36, endpoint=False)
SPECIES = {  # number of lobes, lobe height, elongation
    "linden": (1, 0.20, 0.10), "poplar": (3, 0.12, 0.15), "maple": (5, 0.28, 0.05),
    "plane": (5, 0.14, 0.25), "oak": (7, 0.18, 0.30), "willow": (2, 0.05, 0.55),
}


def outline(name):
    lobes, height, stretch = SPECIES[name]
    phase = rng.normal(0, 0.12)
    height = height * rng.normal(1, 0.15)
    stretch = stretch + rng.normal(0, 0.05)
    radius = 1 + height * np.cos(lobes * (ANGLES + phase)) + stretch * np.cos(2 * (ANGLES + phase))
    return radius + rng.normal(0, 0.12, ANGLES.size)


def collect(per_species):
    names = list(SPECIES) * per_species
    x = np.stack([outline(name) for name in names])
    t = np.array([list(SPECIES).index(name) for name in names])
    return torch.tensor(x, dtype=torch.float32), torch.tensor(t)


x_train, t_train = collect(600)
x_val, t_val = collect(120)
centre, width = x_train.mean(0), x_train.std(0)
train_loader = DataLoader(TensorDataset((x_train - centre) / width, t_train), batch_size=64, shuffle=True)
val_loader = DataLoader(TensorDataset((x_val - centre) / width, t_val), batch_size=240)

model = nn.Sequential(
    nn.Linear(36, 96), nn.ReLU(), nn.Dropout(0.5),
    nn.Linear(96, 48), nn.ReLU(), nn.Dropout(0.5),
    nn.Linear(48, 6),
)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-4)


def run(loader, training):
    model.train(training)
    loss_sum, hits, count = 0.0, 0, 0
    with torch.set_grad_enabled(training):
        for x, t in loader:
            logits = model(x)
            loss = loss_fn(logits, t)
            if training:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            loss_sum += loss.item() * len(t)
            hits += (logits.argmax(1) == t).sum().item()
            count += len(t)
    return loss_sum / count, hits / count


for epoch in range(1, 21):
    train_loss, train_acc = run(train_loader, True)
    val_loss, val_acc = run(val_loader, False)
    print(f"{epoch:2d}  loss {train_loss:.3f} / {val_loss:.3f}   accuracy {train_acc:.3f} / {val_acc:.3f}")
print(f"validation accuracy: {val_acc:.3f}")
