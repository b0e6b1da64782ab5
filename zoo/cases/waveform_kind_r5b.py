import argparse

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset, random_split


def synth(n, length, rng):
    """sine / square / sawtooth / triangle with random pitch, phase and noise"""
    t = np.linspace(0, 1, length)
    kind = rng.integers(0, 4, n)
    freq = rng.uniform(2.0, 5.0, (n, 1))
    phase = rng.uniform(0, 1, (n, 1))
    cycle = (freq * t + phase) % 1.0
    waves = np.stack([
        np.sin(2 * np.pi * cycle) * 1.2,
        np.where(cycle < 0.5, 1.0, -1.0),
        (2 * cycle - 1) * 1.7,
        (4 * np.abs(cycle - 0.5) - 1) * 1.7,
    ])
    x = waves[kind, np.arange(n)] + rng.normal(0, 0.25, (n, length))
    return torch.tensor(x, dtype=torch.float32).unsqueeze(1), torch.tensor(kind)


class Block(nn.Module):
    def __init__(self, c_in, c_out, kernel, stride=1):
        super().__init__()
        self.conv = nn.Conv1d(c_in, c_out, kernel, stride=stride, padding=kernel // 2)
        self.norm = nn.GroupNorm(4, c_out)

    def forward(self, x):
        return F.gelu(self.norm(self.conv(x)))


class WaveNet(nn.Module):
    def __init__(self, ch):
        super().__init__()
        self.features = nn.Sequential(
            Block(1, ch, 7), Block(ch, ch, 5, stride=2), Block(ch, ch, 5, stride=2), Block(ch, ch, 3)
        )
        self.fc = nn.Linear(2 * ch, 4)

    def forward(self, x):
        x = self.features(x)
        return self.fc(torch.cat([x.mean(-1), x.amax(-1)], dim=1))


def evaluate(model, loader):
    model.eval()
    hit = total = 0
    with torch.no_grad():
        for x, y in loader:
            hit += (model(x).argmax(1) == y).sum().item()
            total += len(y)
    model.train()
    return hit / total


def main(args):
    torch.manual_seed(11)
    x, y = synth(2000, 64, np.random.default_rng(11))
    train, test = random_split(TensorDataset(x, y), [1600, 400])
    train_loader = DataLoader(train, batch_size=args.batch, shuffle=True)
    test_loader = DataLoader(test, batch_size=400)

    model = WaveNet(args.channels)
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr)
    for epoch in range(args.epochs):
        total = 0.0
        for x, y in train_loader:
            loss = F.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        print(f"epoch={epoch} ce={total / len(train_loader):.3f} test_acc={evaluate(model, test_loader):.3f}")
    print("final accuracy", round(evaluate(model, test_loader), 3))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--lr", type=float, default=0.001)
    parser.add_argument("--channels", type=int, default=16)
    main(parser.parse_args())
