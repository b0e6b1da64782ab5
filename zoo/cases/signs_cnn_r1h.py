import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

rng = np.random.default_rng(9)
torch.manual_seed(9)

SIZE = 14
yy, xx = np.mgrid[0:SIZE, 0:SIZE]


def disc(cy, cx, r):
    return (yy - cy) ** 2 + (xx - cx) ** 2 <= r * r


def square(cy, cx, r):
    return (abs(yy - cy) <= r) & (abs(xx - cx) <= r)


def ring(cy, cx, r):
    return disc(cy, cx, r) & ~disc(cy, cx, r - 1.6)


def plus(cy, cx, r):
    return square(cy, cx, r) & ((abs(yy - cy) < 1) | (abs(xx - cx) < 1))


def saltire(cy, cx, r):
    return square(cy, cx, r) & ((abs(yy - cy - xx + cx) < 1.2) | (abs(yy - cy + xx - cx) < 1.2))


shapes = [disc, square, ring, plus, saltire]


def draw(n):
    labels = rng.integers(len(shapes), size=n)
    images = np.empty((n, 1, SIZE, SIZE), dtype=np.float32)
    for i, k in enumerate(labels):
        cy, cx = rng.uniform(5, SIZE - 6, size=2)
        images[i, 0] = shapes[k](cy, cx, rng.uniform(3, 4.8))
    images += rng.normal(0, 0.35, images.shape)
    return TensorDataset(torch.from_numpy(images.astype(np.float32)), torch.from_numpy(labels))


train_set, valid_set = draw(3000), draw(800)
mean, std = train_set.tensors[0].mean(), train_set.tensors[0].std()

model = nn.Sequential(
    nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout2d(0.1),
    nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout2d(0.1),
    nn.Flatten(),
    nn.Linear(16 * 9, 64), nn.SiLU(), nn.Dropout(0.5),
    nn.Linear(64, len(shapes)),
)
optimizer = torch.optim.Adam(model.parameters(), lr=1.5e-3)
criterion = nn.CrossEntropyLoss()


def one_pass(dataset, learn):
    model.train(learn)
    loss_sum = correct = 0
    for images, labels in DataLoader(dataset, batch_size=50, shuffle=learn):
        with torch.set_grad_enabled(learn):
            logits = model((images - mean) / std)
            loss = criterion(logits, labels)
        if learn:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        loss_sum += loss.item() * len(labels)
        correct += (logits.argmax(1) == labels).sum().item()
    return loss_sum / len(dataset), correct / len(dataset)


for epoch in range(14):
    a, b = one_pass(train_set, True)
    c, d = one_pass(valid_set, False)
    print(f"Epoch {epoch:02d}: loss={a:.3f} acc={b:.3f} val_loss={c:.3f} val_acc={d:.3f}")
