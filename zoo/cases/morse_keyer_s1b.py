import argparse

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

CODES = {"A": ".-", "D": "-..", "G": "--.", "K": "-.-", "N": "-.", "O": "---", "R": ".-.", "S": "...", "U": "..-", "W": ".--"}
LETTERS = sorted(CODES)


def keyed_signal(letter, rng, length=28):
    """One letter as it comes out of the envelope detector."""
    unit = rng.uniform(1.6, 2.2)
    level = []
    for symbol in CODES[letter]:
        level += [1.0] * round(unit * (1 if symbol == "." else 3) + rng.normal(0, 0.2))
        level += [0.0] * round(unit)
    start = rng.integers(0, 4)
    out = np.zeros(length)
    out[start:start + len(level)] = level[:length - start]
    return out * rng.uniform(0.8, 1.2) + rng.normal(0, 0.1, length)


class Keyer(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.gru = nn.GRU(1, hidden, batch_first=True)
        self.out = nn.Linear(hidden, len(LETTERS))

    def forward(self, signal):
        states, _ = self.gru(signal.unsqueeze(-1))
        return self.out(states.mean(dim=1))


def accuracy(model, loader):
    model.eval()
    with torch.no_grad():
        right = sum((model(x).argmax(-1) == t).sum().item() for x, t in loader)
    return right / len(loader.dataset)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--lr", type=float, default=0.1)
    ap.add_argument("--epochs", type=int, default=15)
    ap.add_argument("--batch-size", type=int, default=50)
    ap.add_argument("--hidden", type=int, default=40)
    args = ap.parse_args()

    torch.manual_seed(5)
    rng = np.random.default_rng(5)
    target = rng.integers(0, len(LETTERS), 2000)
    signal = np.stack([keyed_signal(LETTERS[t], rng) for t in target])
    signal, target = torch.tensor(signal, dtype=torch.float32), torch.tensor(target)
    train = DataLoader(TensorDataset(signal[:1600], target[:1600]), args.batch_size, shuffle=True)
    test = DataLoader(TensorDataset(signal[1600:], target[1600:]), 400)

    model = Keyer(args.hidden)
    opt = torch.optim.RMSprop(model.parameters(), lr=args.lr)
    for epoch in range(args.epochs):
        model.train()
        total = 0.0
        for x, t in train:
            opt.zero_grad()
            loss = F.cross_entropy(model(x), t)
            loss.backward()
            opt.step()
            total += loss.item()
        print(f"epoch={epoch} loss={total / len(train):.3f} test={accuracy(model, test):.3f}")
    print("letters read correctly:", round(accuracy(model, test), 3))


if __name__ == "__main__":
    main()
