import numpy as np
import torch
import torch.nn as nn


class Chromatograms(torch.utils.data.Dataset):
    """Sums of two elution peaks on a grid of 64 times; the noise is drawn anew on every access."""

    def __init__(self, n, rng, noise=0.15):
        t = np.linspace(0, 1, 64)
        place = rng.uniform(0.1, 0.9, (n, 2, 1))
        width = rng.uniform(0.04, 0.08, (n, 2, 1))
        height = rng.uniform(0.3, 1.0, (n, 2, 1))
        clean = (height * np.exp(-0.5 * ((t - place) / width) ** 2)).sum(1)
        self.clean = torch.tensor(clean, dtype=torch.float32)
        self.noise = noise

    def __len__(self):
        return len(self.clean)

    def __getitems__(self, rows):
        clean = self.clean[rows]
        return clean + self.noise * torch.randn_like(clean), clean


class DenoisingAutoencoder(nn.Module):
    def __init__(self, code=20):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 128), nn.ELU(), nn.Linear(128, code))
        self.decoder = nn.Sequential(nn.Linear(code, 128), nn.ELU(), nn.Linear(128, 64))

    def forward(self, noisy):
        return self.decoder(self.encoder(noisy - 0.15))


def run(epochs=40):
    torch.manual_seed(12)
    rng = np.random.default_rng(12)
    train_set, test_set = Chromatograms(2560, rng), Chromatograms(512, rng)
    loader = torch.utils.data.DataLoader(train_set, batch_size=64, shuffle=True, collate_fn=lambda batch: batch)
    test_noisy, test_clean = test_set.__getitems__(torch.arange(512))

    model = DenoisingAutoencoder()
    optimizer = torch.optim.Adam(model.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=6e-3, total_steps=epochs * len(loader))
    mse = nn.MSELoss()
    for epoch in range(epochs):
        model.train()
        total = 0.0
        for noisy, clean in loader:
            loss = mse(model(noisy), clean)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            test = mse(model(test_noisy), test_clean).item()
        if (epoch + 1) % 5 == 0:
            print(f"epoch {epoch + 1:2d} | train mse {total / len(loader):.5f} | test mse {test:.5f}")
    before = mse(test_noisy, test_clean).item()
    print(f"noise removed: {10 * np.log10(before / test):.2f} dB")


run()
