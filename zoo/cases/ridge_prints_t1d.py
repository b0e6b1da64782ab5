import numpy as np
import torch
from torch import nn, optim

torch.manual_seed(8)
rng = np.random.default_rng(8)

CLASSES = ("arch", "loop", "whorl", "tented")
SIZE = 16


def ridge_image(kind):
    v, u = np.mgrid[-1:1:SIZE * 1j, -1:1:SIZE * 1j]
    u = u - rng.uniform(-0.35, 0.35)
    v = v - rng.uniform(-0.35, 0.35)
    r = np.hypot(u, v)
    if kind == 0:
        phase = v + 0.35 * np.exp(-3 * u ** 2)
    elif kind == 1:
        phase = r + 0.55 * u * np.sign(rng.uniform(-1, 1))
    elif kind == 2:
        phase = r
    else:
        phase = v + 0.9 * np.exp(-9 * u ** 2)
    ridges = np.sin(rng.uniform(9, 13) * phase + rng.uniform(0, 2 * np.pi))
    return ridges * rng.uniform(0.6, 1.2) + rng.normal(0, 1.0, (SIZE, SIZE))


def make_set(per_class):
    imgs = [ridge_image(k) for k in range(4) for _ in range(per_class)]
    labels = np.repeat(np.arange(4), per_class)
    return torch.tensor(np.array(imgs), dtype=torch.float32).unsqueeze(1), torch.tensor(labels)


train_x, train_y = make_set(per_class=20)
val_x, val_y = make_set(100)

cnn = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(),
    nn.Linear(32 * 4 * 4, 96), nn.ReLU(),
    nn.Linear(96, 4),
)
loss_fn = nn.CrossEntropyLoss()
optimizer = optim.Adam(cnn.parameters(), lr=2e-3)


def evaluate(x, y):
    cnn.eval()
    with torch.no_grad():
        out = cnn(x)
    return loss_fn(out, y).item(), (out.argmax(1) == y).float().mean().item()


EPOCHS = 50
for epoch in range(EPOCHS):
    cnn.train()
    order = torch.randperm(len(train_x))
    for start in range(0, len(order), 20):
        rows = order[start:start + 20]
        optimizer.zero_grad()
        loss = loss_fn(cnn(train_x[rows]), train_y[rows])
        loss.backward()
        optimizer.step()
    tl, ta = evaluate(train_x, train_y)
    vl, va = evaluate(val_x, val_y)
    print(f"Epoch {epoch + 1}/{EPOCHS} - loss: {tl:.4f} - acc: {ta:.4f} - val_loss: {vl:.4f} - val_acc: {va:.4f}")

print(f"Final validation loss {vl:.3f}, accuracy {va:.3f}")
