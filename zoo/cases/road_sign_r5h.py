import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(2)

SIDE = 14
yy, xx = np.mgrid[0:SIDE, 0:SIDE]


def draw(shape, rng):
    cx, cy = rng.uniform(5.5, 7.5, 2)
    r = rng.uniform(3.6, 4.8)
    dx, dy = xx - cx, yy - cy
    if shape == 0:    # disc
        mask = dx ** 2 + dy ** 2 < r ** 2
    elif shape == 1:  # square
        mask = np.maximum(abs(dx), abs(dy)) < r * 0.85
    elif shape == 2:  # triangle, tip up
        mask = (dy < r * 0.8) & (abs(dx) < (dy + r) * 0.6)
    else:             # diamond cross
        mask = ((abs(dx) < 1.3) | (abs(dy) < 1.3)) & (np.maximum(abs(dx), abs(dy)) < r)
    return mask * rng.uniform(0.8, 1.2) + rng.normal(0, 0.12, (SIDE, SIDE))


def sample(n, rng):
    labels = rng.integers(0, 4, n)
    images = np.stack([draw(s, rng) for s in labels]).astype(np.float32)
    images = (images - 0.22) / 0.42
    return TensorDataset(torch.from_numpy(images).unsqueeze(1), torch.from_numpy(labels))


rng = np.random.default_rng(2)
train, test = sample(2400, rng), sample(600, rng)
train_loader = DataLoader(train, batch_size=64, shuffle=True, drop_last=True)
test_loader = DataLoader(test, batch_size=300)

net = nn.Sequential(
    nn.Conv2d(1, 12, 3, padding=1), nn.GELU(), nn.MaxPool2d(2),
    nn.Conv2d(12, 24, 3, padding=1), nn.GELU(), nn.MaxPool2d(2),
    nn.Flatten(),
    nn.Linear(24 * 9, 32), nn.GELU(),
    nn.Linear(32, 4),
)
EPOCHS = 8
optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-2)
schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=4e-3, total_steps=EPOCHS * len(train_loader))
criterion = nn.CrossEntropyLoss()


def run(loader, training):
    net.train(training)
    seen = right = 0
    loss_sum = 0.0
    with torch.set_grad_enabled(training):
        for images, labels in loader:
            with torch.autocast("cpu", dtype=torch.bfloat16):
                logits = net(images)
                loss = criterion(logits, labels)
            if training:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
            seen += len(labels)
            right += (logits.argmax(1) == labels).sum().item()
            loss_sum += loss.item() * len(labels)
    return loss_sum / seen, right / seen


for epoch in range(EPOCHS):
    train_loss, train_acc = run(train_loader, True)
    test_loss, test_acc = run(test_loader, False)
    print(f"{epoch + 1}/{EPOCHS}: train {train_loss:.4f} ({train_acc:.2%})   test {test_loss:.4f} ({test_acc:.2%})")

print(f"accuracy in bfloat16: {test_acc:.4f}")
