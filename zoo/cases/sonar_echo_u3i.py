import time

import numpy as np
import torch
from torch import nn

torch.manual_seed(5)
gen = np.random.default_rng(5)
KINDS = ("rock", "cylinder", "wreck", "sand")


def echo(kind, n):
    """Band energies of n echoes, 48 bands."""
    f = np.linspace(0, 1, 48)
    level = gen.uniform(0.8, 1.2, (n, 1))
    place = gen.uniform(0.3, 0.6, (n, 1))
    if kind == 0:
        shape = np.exp(-((f - place) / 0.22) ** 2)
    elif kind == 1:
        shape = np.exp(-((f - place) / 0.07) ** 2) + 0.8 * np.exp(-((f - place - 0.3) / 0.07) ** 2)
    elif kind == 2:
        shape = 0.5 + 0.5 * np.cos(2 * np.pi * (gen.uniform(3, 4, (n, 1)) * f + place))
    else:
        shape = 0.9 * np.exp(-f / place)
    return level * shape + 0.15 * gen.standard_normal((n, 48))


def dataset(per_kind):
    x = np.concatenate([echo(k, per_kind) for k in range(4)])
    y = np.repeat(np.arange(4), per_kind)
    return torch.tensor(x, dtype=torch.float32), torch.tensor(y)


x_train, y_train = dataset(1000)
x_val, y_val = dataset(250)
mean, std = x_train.mean(0), x_train.std(0)
x_train, x_val = (x_train - mean) / std, (x_val - mean) / std

model = nn.Sequential(
    nn.Linear(48, 96), nn.LayerNorm(96), nn.ReLU(),
    nn.Linear(96, 96), nn.LayerNorm(96), nn.ReLU(),
    nn.Linear(96, len(KINDS)),
)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-2)
loss_fn = nn.CrossEntropyLoss()
loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x_train, y_train), batch_size=64, shuffle=True)
began = time.perf_counter()

for epoch in range(8):
    model.train()
    train_loss = 0.0
    for xb, yb in loader:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            out = model(xb)
            loss = loss_fn(out, yb)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        train_loss += loss.item() * len(xb)
    model.eval()
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        out = model(x_val)
    val_loss = loss_fn(out.float(), y_val).item()
    val_acc = (out.argmax(1) == y_val).float().mean().item()
    print(f"epoch {epoch + 1}: train {train_loss / len(x_train):.4f}, val {val_loss:.4f}, val acc {val_acc:.4f} ({time.perf_counter() - began:.1f}s)")

print(f"accuracy on unheard echoes: {val_acc:.4f}")
