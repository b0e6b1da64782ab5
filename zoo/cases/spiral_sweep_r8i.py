import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(2)
rng = np.random.default_rng(2)


def spirals(n):
    """Three arms, a little noise."""
    arm = rng.integers(0, 3, n)
    r = rng.uniform(0.15, 1.0, n)
    angle = 2 * np.pi * arm / 3 + 4.5 * r + rng.normal(0, 0.4, n)
    xy = np.stack([r * np.cos(angle), r * np.sin(angle)], axis=1) / 0.45
    return TensorDataset(torch.tensor(xy, dtype=torch.float32), torch.tensor(arm))


train_set, val_set, test_set = spirals(4000), spirals(1000), spirals(1000)
train_loader = DataLoader(train_set, batch_size=64, shuffle=True)


def build():
    return nn.Sequential(
        nn.Linear(2, 64), nn.Tanh(),
        nn.Linear(64, 32), nn.Tanh(),
        nn.Linear(32, 3),
    )


def train(model, lr, epochs, verbose=False):
    opt = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(opt, epochs)
    for epoch in range(epochs):
        for x, y in train_loader:
            loss = nn.functional.cross_entropy(model(x), y)
            opt.zero_grad()
            loss.backward()
            opt.step()
        schedule.step()
        if verbose and (epoch + 1) % 5 == 0:
            tl, ta = measure(model, train_set)
            vl, va = measure(model, val_set)
            print(f"  epoch {epoch + 1}: train {tl:.4f}/{ta:.3f}  val {vl:.4f}/{va:.3f}")
    return model


@torch.no_grad()
def measure(model, dataset):
    x, y = dataset.tensors
    out = model(x)
    return nn.functional.cross_entropy(out, y).item(), (out.argmax(1) == y).float().mean().item()


results = {}
for lr in (3.0, 0.1, 0.03, 0.003):
    candidate = train(build(), lr, epochs=3)
    results[lr], acc = measure(candidate, val_set)
    print(f"lr {lr}: val loss {results[lr]:.4f} acc {acc:.3f}")

best = min(results, key=results.get)
print("training with lr", best)
model = train(build(), best, epochs=20, verbose=True)
print(f"test accuracy with the chosen rate: {measure(model, test_set)[1]:.4f}")
