import numpy as np
import torch
from torch import nn, optim

SEED_RNG = np.random.default_rng(33)
torch.manual_seed(33)
KINDS = ["plain", "twill", "herringbone", "gingham", "dots"]


def swatch(kind):
    yy, xx = np.mgrid[0:16, 0:16]
    period = SEED_RNG.uniform(3.5, 6.0)
    px, py = SEED_RNG.uniform(0, 2 * np.pi, 2)
    w = 2 * np.pi / period
    if kind == "plain":
        im = np.sin(w * xx + px)
    elif kind == "twill":
        im = np.sin(w * (xx + yy) / 1.4 + px)
    elif kind == "herringbone":
        im = np.sin(w * (xx + np.abs(yy - 8)) / 1.4 + px)
    elif kind == "gingham":
        im = 0.7 * np.sin(w * xx + px) + 0.7 * np.sin(w * yy + py)
    else:
        im = 1.6 * np.maximum(np.sin(w * xx + px) * np.sin(w * yy + py), 0) - 0.4
    contrast = SEED_RNG.uniform(0.6, 1.2)
    return contrast * im + 0.35 * SEED_RNG.standard_normal((16, 16))


def build(per_class):
    images = np.stack([swatch(k) for k in KINDS for _ in range(per_class)])
    labels = np.repeat(np.arange(len(KINDS)), per_class)
    return torch.tensor(images, dtype=torch.float32).unsqueeze(1), torch.tensor(labels)


def block(cin, cout):
    return nn.Sequential(nn.Conv2d(cin, cout, 3, padding=1, bias=False), nn.BatchNorm2d(cout), nn.ReLU(), nn.MaxPool2d(2))


model = nn.Sequential(block(1, 8), block(8, 16), block(16, 16), nn.Flatten(), nn.Linear(16 * 4, len(KINDS)))
loss_fn = nn.CrossEntropyLoss()
optimizer = optim.SGD(model.parameters(), lr=0.03, momentum=0.9, weight_decay=1e-4)

train_x, train_y = build(220)
test_x, test_y = build(80)


def fit_one_epoch():
    model.train()
    losses = []
    for idx in torch.randperm(len(train_x)).split(44):
        optimizer.zero_grad()
        loss = loss_fn(model(train_x[idx]), train_y[idx])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return sum(losses) / len(losses)


def report():
    """Accuracy per kind of weave and their mean."""
    scores = {}
    with torch.no_grad():
        for c, kind in enumerate(KINDS):
            guess = model(test_x[test_y == c]).argmax(dim=1)
            scores[kind] = (guess == c).float().mean().item()
    return scores, sum(scores.values()) / len(scores)


for epoch in range(6):
    train_loss = fit_one_epoch()
    per_kind, mean = report()
    print(f"{epoch:2d} loss={train_loss:.3f} " + " ".join(f"{k}={v:.2f}" for k, v in per_kind.items()))

print(f"mean class accuracy: {mean:.3f}")
