"""Mineral identification from 48-channel spectra (ported from our old Keras notebook)."""
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

PEAKS = {
    "quartz": [6, 21, 33],
    "calcite": [8, 21, 40],
    "dolomite": [9, 24, 40],
    "gypsum": [6, 15, 29],
    "halite": [15, 33, 44],
    "pyrite": [12, 29, 44],
}


def spectra(n, rng):
    channels = np.arange(48)
    labels = rng.integers(0, len(PEAKS), n)
    rows = []
    for label in labels:
        centres = list(PEAKS.values())[label]
        signal = 0.3 * rng.uniform(0, 2) * np.exp(-channels / 20)
        for c in centres:
            signal = signal + rng.uniform(0.3, 1.0) * np.exp(-0.5 * ((channels - c - rng.normal(0, 0.7)) / 1.3) ** 2)
        rows.append(signal + rng.normal(0, 0.12, 48))
    return np.array(rows, dtype=np.float32), labels


class SpectraNet(nn.Module):
    def __init__(self, n_channels, n_classes):
        super().__init__()
        self.fc1 = nn.Linear(n_channels, 96)
        self.bn1 = nn.BatchNorm1d(96, momentum=0.99)
        self.fc2 = nn.Linear(96, 48)
        self.bn2 = nn.BatchNorm1d(48, momentum=0.99)
        self.fc3 = nn.Linear(48, n_classes)

    def forward(self, x):
        x = F.relu(self.bn1(self.fc1(x)))
        x = F.relu(self.bn2(self.fc2(x)))
        return self.fc3(x)


class Trainer:
    def __init__(self, model, lr=1e-3, batch_size=2):
        self.model = model
        self.batch_size = batch_size
        self.optimizer = torch.optim.Adam(model.parameters(), lr=lr)

    def fit_epoch(self, x, y):
        self.model.train()
        losses = []
        order = torch.randperm(len(x))
        for k in range(0, len(x), self.batch_size):
            rows = order[k:k + self.batch_size]
            loss = F.cross_entropy(self.model(x[rows]), y[rows])
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            losses.append(loss.item())
        return np.mean(losses)

    @torch.no_grad()
    def validate(self, x, y):
        self.model.eval()
        out = self.model(x)
        return F.cross_entropy(out, y).item(), (out.argmax(1) == y).float().mean().item()


if __name__ == "__main__":
    torch.manual_seed(17)
    rng = np.random.default_rng(17)
    x_fit, y_fit = spectra(2000, rng)
    x_val, y_val = spectra(600, rng)
    mean, std = x_fit.mean(0), x_fit.std(0)
    x_fit, x_val = (torch.from_numpy((a - mean) / std) for a in (x_fit, x_val))
    y_fit, y_val = torch.from_numpy(y_fit), torch.from_numpy(y_val)

    trainer = Trainer(SpectraNet(48, len(PEAKS)))
    for epoch in range(4):
        fit_loss = trainer.fit_epoch(x_fit, y_fit)
        val_loss, val_acc = trainer.validate(x_val, y_val)
        print(f"epoch {epoch + 1}: fit loss {fit_loss:.3f}, val loss {val_loss:.3f}, val acc {val_acc:.3f}")
    print(f"validation loss {val_loss:.4f}, validation accuracy {val_acc:.4f}")
