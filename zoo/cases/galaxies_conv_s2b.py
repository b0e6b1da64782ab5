import argparse

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

CLASSES = ["elliptical", "spiral", "edge-on", "ring"]


def draw_galaxy(kind, rng, size=16):
    c = (size - 1) / 2
    yy, xx = np.mgrid[0:size, 0:size] - c
    xx, yy = xx - rng.normal(0, 0.6), yy - rng.normal(0, 0.6)
    phi = rng.uniform(0, np.pi)
    u, v = xx * np.cos(phi) + yy * np.sin(phi), -xx * np.sin(phi) + yy * np.cos(phi)
    r, theta = np.hypot(u, v) + 1e-6, np.arctan2(v, u)
    s = rng.uniform(2.6, 3.6)
    if kind == 0:
        img = np.exp(-(u**2 + (v / 0.75) ** 2) / (2 * s**2) * 1.6)
    elif kind == 1:
        arms = 0.5 + 0.5 * np.cos(2 * theta - rng.choice([-1, 1]) * 2.4 * np.log(r + 0.5))
        img = np.exp(-r / s) * (0.25 + 1.5 * arms)
    elif kind == 2:
        img = np.exp(-(u / (1.4 * s)) ** 2 - (v / 1.1) ** 2)
    else:
        img = np.exp(-((r - 1.4 * s) ** 2) / 1.8) + 0.5 * np.exp(-(r**2) / 2)
    return img * rng.uniform(0.8, 1.2) + rng.normal(0, 0.12, img.shape)


def make_set(n, rng):
    labels = rng.integers(0, len(CLASSES), n)
    images = np.stack([draw_galaxy(k, rng) for k in labels])[:, None]
    images = (images - 0.3) / 0.35
    return TensorDataset(torch.tensor(images, dtype=torch.float32), torch.tensor(labels))


class GalaxyNet(nn.Module):
    def __init__(self, ch=16):
        super().__init__()
        self.stem = nn.Conv2d(1, ch, 3, padding=1)
        self.a1 = nn.Conv2d(ch, ch, 3, padding=1)
        self.a2 = nn.Conv2d(ch, ch, 3, padding=1)
        self.b1 = nn.Conv2d(ch, 2 * ch, 3, padding=1)
        self.b2 = nn.Conv2d(2 * ch, 2 * ch, 3, padding=1)
        self.fc = nn.Linear(2 * ch * 4 * 4, 48)
        self.out = nn.Linear(48, len(CLASSES))

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.stem(x)), 2)
        x = F.relu(self.a2(F.relu(self.a1(x))))
        x = F.max_pool2d(x, 2)
        x = F.relu(self.b2(F.relu(self.b1(x))))
        x = F.relu(self.fc(x.flatten(1)))
        return self.out(x)


def init_weights(m):
    if isinstance(m, (nn.Conv2d, nn.Linear)):
        nn.init.normal_(m.weight, 0.0, 0.02)
        nn.init.zeros_(m.bias)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--lr", type=float, default=0.02)
    parser.add_argument("--momentum", type=float, default=0.9)
    args = parser.parse_args()

    torch.manual_seed(21)
    rng = np.random.default_rng(21)
    train_set, test_set = make_set(1200, rng), make_set(400, rng)
    train_loader = DataLoader(train_set, batch_size=args.batch_size, shuffle=True, drop_last=True)
    test_loader = DataLoader(test_set, batch_size=400)

    net = GalaxyNet()
    net.apply(init_weights)
    optimizer = torch.optim.SGD(net.parameters(), lr=args.lr, momentum=args.momentum)

    for epoch in range(args.epochs):
        net.train()
        total = 0.0
        for images, labels in train_loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(net(images), labels)
            loss.backward()
            optimizer.step()
            total += loss.item()
        net.eval()
        with torch.no_grad():
            images, labels = next(iter(test_loader))
            logits = net(images)
            acc = (logits.argmax(1) == labels).float().mean().item()
        print(f"Epoch {epoch + 1}/{args.epochs} - loss: {total / len(train_loader):.4f}"
              f" - test loss: {F.cross_entropy(logits, labels).item():.4f} - test acc: {acc:.4f}")
    print(f"Final accuracy: {acc:.4f}")


if __name__ == "__main__":
    main()
