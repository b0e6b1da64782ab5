"""Variational autoencoder for little pictures of pressure gauges (needle angle, needle length, dial brightness)."""
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

SIDE = 14


def draw_dials(n, rng):
    grid = np.linspace(-1, 1, SIDE)
    xx, yy = np.meshgrid(grid, grid)
    angle = rng.uniform(-2.2, 2.2, (n, 1, 1))
    length = rng.uniform(0.5, 0.9, (n, 1, 1))
    glow = rng.uniform(0.1, 0.5, (n, 1, 1))
    along = xx * np.sin(angle) + yy * np.cos(angle)
    across = xx * np.cos(angle) - yy * np.sin(angle)
    needle = np.exp(-(across / 0.18) ** 2) / (1 + np.exp(-12 * along)) / (1 + np.exp(12 * (along - length)))
    dial = glow * (np.hypot(xx, yy) < 0.95)
    return torch.tensor(np.clip(needle + dial, 0, 1).reshape(n, -1), dtype=torch.float32)


class VAE(nn.Module):
    def __init__(self, latent=6):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(SIDE * SIDE, 128), nn.ELU(), nn.Linear(128, 64), nn.ELU())
        self.mu = nn.Linear(64, latent)
        self.logvar = nn.Linear(64, latent)
        self.decoder = nn.Sequential(
            nn.Linear(latent, 64), nn.ELU(), nn.Linear(64, 128), nn.ELU(), nn.Linear(128, SIDE * SIDE))

    def forward(self, x):
        h = self.encoder(x)
        mu, logvar = self.mu(h), self.logvar(h)
        z = mu + torch.randn_like(mu) * torch.exp(0.5 * logvar) if self.training else mu
        return self.decoder(z), mu, logvar


rng = np.random.default_rng(40)
torch.manual_seed(40)
train, test = draw_dials(3000, rng), draw_dials(500, rng)

vae = VAE()
opt = torch.optim.Adam(vae.parameters(), lr=2e-3)

for epoch in range(30):
    vae.train()
    sums = torch.zeros(2)
    for idx in torch.randperm(len(train)).split(100):
        x = train[idx]
        x_hat, mu, logvar = vae(x)
        rec = F.mse_loss(x_hat, x)
        kl = -0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).sum(1).mean()
        loss = rec + kl
        opt.zero_grad()
        loss.backward()
        opt.step()
        sums += torch.tensor([rec.item(), kl.item()])
    if (epoch + 1) % 5 == 0:
        rec_avg, kl_avg = (sums / 30).tolist()
        print(f"{epoch + 1:3d}  reconstruction {rec_avg:.5f}  kl {kl_avg:.4f}")

vae.eval()
with torch.no_grad():
    x_hat, _, _ = vae(test)
explained = 1 - F.mse_loss(x_hat, test) / (test - train.mean(0)).pow(2).mean()
print(f"explained share of the test pictures: {explained.item():.3f}")
