import argparse

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

INSTRUMENTS = ["flute", "oboe", "clarinet", "horn", "trumpet", "violin", "cello", "harp"]
BINS = 64


def build_timbres(rng):
    """Every instrument has a few resonances over the spectrum."""
    grid = np.arange(BINS)
    timbres = []
    for _ in INSTRUMENTS:
        centres = rng.uniform(2, BINS - 2, size=4)
        heights = rng.uniform(0.5, 1.0, size=4)
        timbres.append(sum(h * np.exp(-0.5 * ((grid - c) / 1.8) ** 2) for c, h in zip(centres, heights)))
    return np.stack(timbres)


def record(rng, timbres, count):
    playing = rng.random((count, len(INSTRUMENTS))) < 0.3
    loudness = rng.uniform(0.6, 1.4, size=playing.shape) * playing
    spectra = loudness @ timbres + 0.1 * rng.standard_normal((count, BINS))
    return torch.from_numpy(spectra).float(), torch.from_numpy(playing).float()


class SpectrumTagger(nn.Module):
    def __init__(self, n_out):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv1d(1, 8, 5, padding=2), nn.ReLU(), nn.MaxPool1d(2),
            nn.Conv1d(8, 16, 5, padding=2), nn.ReLU(), nn.MaxPool1d(2),
        )
        self.classifier = nn.Sequential(nn.Flatten(), nn.Linear(16 * (BINS // 4), 64), nn.ReLU(), nn.Linear(64, n_out))

    def forward(self, spectrum):
        return torch.sigmoid(self.classifier(self.features(spectrum.unsqueeze(1))))


class Trainer:
    def __init__(self, model, lr):
        self.model = model
        self.loss_fn = nn.BCEWithLogitsLoss()
        self.optimizer = torch.optim.Adam(model.parameters(), lr=lr)

    def fit_epoch(self, loader):
        self.model.train()
        losses = []
        for spectra, playing in loader:
            self.optimizer.zero_grad()
            loss = self.loss_fn(self.model(spectra), playing)
            loss.backward()
            self.optimizer.step()
            losses.append(loss.item())
        return np.mean(losses)

    @torch.no_grad()
    def f1(self, loader):
        self.model.eval()
        hit = said = there = 0.0
        for spectra, playing in loader:
            guess = (self.model(spectra) > 0.5).float()
            hit += (guess * playing).sum().item()
            said += guess.sum().item()
            there += playing.sum().item()
        return 2 * hit / max(said + there, 1.0)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--lr", type=float, default=1e-3)
    args = parser.parse_args()

    torch.manual_seed(7)
    rng = np.random.default_rng(7)
    timbres = build_timbres(rng)
    train = DataLoader(TensorDataset(*record(rng, timbres, 4000)), batch_size=args.batch_size, shuffle=True)
    valid = DataLoader(TensorDataset(*record(rng, timbres, 800)), batch_size=400)

    trainer = Trainer(SpectrumTagger(len(INSTRUMENTS)), args.lr)
    for epoch in range(args.epochs):
        loss = trainer.fit_epoch(train)
        print(f"epoch {epoch:3d} | train loss {loss:.4f} | valid F1 {trainer.f1(valid):.3f}")
    print(f"final F1: {trainer.f1(valid):.4f}")


if __name__ == "__main__":
    main()
