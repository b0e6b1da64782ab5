import argparse

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset


class PulseDataset(Dataset):
    """Noisy traces of 48 samples with one bell-shaped pulse; the target is its width."""

    def __init__(self, size, rng):
        grid = np.arange(48)
        centre = rng.uniform(14, 34, size)
        width = rng.uniform(2.0, 8.0, size)
        height = rng.uniform(0.7, 1.3, size)
        pulse = height[:, None] * np.exp(-0.5 * ((grid - centre[:, None]) / width[:, None]) ** 2)
        pulse += rng.normal(0, 0.04, pulse.shape)
        self.signal = torch.as_tensor(pulse, dtype=torch.float32).unsqueeze(1)
        self.width = torch.as_tensor((width - 5.0) / 1.73, dtype=torch.float32)

    def __len__(self):
        return len(self.width)

    def __getitem__(self, i):
        return self.signal[i], self.width[i]


class WidthNet(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv1d(1, channels, 5, padding=2), nn.ReLU(), nn.MaxPool1d(2),
            nn.Conv1d(channels, 2 * channels, 5, padding=2), nn.ReLU(), nn.MaxPool1d(2),
            nn.Flatten(),
        )
        self.head = nn.Sequential(nn.Linear(2 * channels * 12, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, signal):
        return self.head(self.features(signal))


class Trainer:
    def __init__(self, model, lr):
        self.model = model
        self.optimizer = torch.optim.Adam(model.parameters(), lr=lr)

    def criterion(self, pred, target):
        return ((pred - target) ** 2).mean()

    def fit(self, loader, epochs):
        for epoch in range(epochs):
            self.model.train()
            losses = []
            for signal, width in loader:
                loss = self.criterion(self.model(signal), width)
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
                losses.append(loss.item())
            print(f"Epoch {epoch + 1}/{epochs} - mse {np.mean(losses):.4f}")

    def predict(self, data):
        self.model.eval()
        with torch.no_grad():
            return self.model(data.signal).numpy().ravel()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=18)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--channels", type=int, default=8)
    args = parser.parse_args()

    torch.manual_seed(7)
    rng = np.random.default_rng(7)
    train, test = PulseDataset(1200, rng), PulseDataset(400, rng)

    trainer = Trainer(WidthNet(args.channels), args.lr)
    trainer.fit(DataLoader(train, batch_size=args.batch_size, shuffle=True), args.epochs)

    guess, truth = trainer.predict(test), test.width.numpy()
    r2 = 1 - np.sum((guess - truth) ** 2) / np.sum((truth - truth.mean()) ** 2)
    print(f"r2 on test pulses: {r2:.3f}")
