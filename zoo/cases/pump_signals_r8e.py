"""Classify the state of a pump from a vibration window (128 samples)."""
import math

import numpy as np
import torch
import torch.nn as nn
from sklearn.metrics import balanced_accuracy_score, confusion_matrix

WINDOW = 128
STATES = ("normal", "unbalance", "bearing", "cavitation")
SHARE = (0.90, 0.04, 0.03, 0.03)


def record(state, rng):
    t = np.arange(WINDOW) / WINDOW
    f0 = rng.uniform(4.5, 5.5)
    wave = rng.uniform(0.8, 1.2) * np.sin(2 * math.pi * (f0 * t + rng.random()))
    extra = rng.uniform(0.2, 0.45)
    if state == 1:
        wave += extra * 1.3 * np.sin(2 * math.pi * (2 * f0 * t + rng.random()))
    elif state == 2:
        wave += extra * 1.3 * np.sin(2 * math.pi * (rng.uniform(20, 24) * t + rng.random()))
    elif state == 3:
        wave += extra * 1.2 * rng.normal(size=WINDOW)
    return wave + 0.45 * rng.normal(size=WINDOW)


def dataset(n, share, rng):
    states = rng.choice(len(STATES), size=n, p=share)
    waves = np.stack([record(s, rng) for s in states])
    spectra = np.log(np.abs(np.fft.rfft(waves))[:, 1:41] + 1.0)
    return torch.tensor(spectra, dtype=torch.float32), torch.tensor(states)


class PumpNet(nn.Module):
    def __init__(self, bins):
        super().__init__()
        self.hidden = nn.Linear(bins, 24)
        self.out = nn.Linear(24, len(STATES))

    def forward(self, spectrum):
        return self.out(torch.relu(self.hidden(spectrum)))


def main():
    rng = np.random.default_rng(14)
    torch.manual_seed(14)
    x_train, y_train = dataset(9000, SHARE, rng)
    x_test, y_test = dataset(4000, SHARE, rng)

    mean, std = x_train.mean(0), x_train.std(0)
    x_train, x_test = (x_train - mean) / std, (x_test - mean) / std

    model = PumpNet(x_train.shape[1])
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    criterion = nn.CrossEntropyLoss()

    for epoch in range(12):
        model.train()
        perm = torch.randperm(len(x_train))
        total = 0.0
        for idx in perm.split(64):
            loss = criterion(model(x_train[idx]), y_train[idx])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(idx)
        model.eval()
        with torch.no_grad():
            pred = model(x_test).argmax(1)
        print(f"epoch {epoch + 1}: loss {total / len(x_train):.4f}, test accuracy {(pred == y_test).float().mean():.3f}")

    print(confusion_matrix(y_test, pred))
    print(f"balanced accuracy {balanced_accuracy_score(y_test, pred):.3f}")


main()
