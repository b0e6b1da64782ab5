"""A little GAN that learns a noisy ring in the plane."""
import math
import torch
import torch.nn as nn

torch.manual_seed(21)

LATENT, BATCH, STEPS = 4, 128, 1200


def real_batch(n):
    angle = torch.rand(n) * 2 * math.pi
    radius = 1.0 + 0.05 * torch.randn(n)
    return torch.stack([radius * angle.cos(), radius * angle.sin()], 1)


G = nn.Sequential(nn.Linear(LATENT, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2))
D = nn.Sequential(nn.Linear(2, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1))

opt_g = torch.optim.Adam(G.parameters(), lr=5e-4, betas=(0.5, 0.999))
opt_d = torch.optim.Adam(D.parameters(), lr=2e-3, betas=(0.5, 0.999))
bce = nn.BCEWithLogitsLoss()
ones, zeros = torch.ones(BATCH, 1), torch.zeros(BATCH, 1)

for step in range(STEPS):
    # discriminator
    real = real_batch(BATCH)
    fake = G(torch.randn(BATCH, LATENT)).detach()
    loss_d = bce(D(real), ones) + bce(D(fake), zeros)
    opt_d.zero_grad()
    loss_d.backward()
    opt_d.step()

    # generator
    loss_g = bce(D(G(torch.randn(BATCH, LATENT))), ones)
    opt_g.zero_grad()
    loss_g.backward()
    opt_g.step()

    if step % 100 == 0:
        print(f"step {step:5d}  D {loss_d.item():.3f}  G {loss_g.item():.3f}")

with torch.no_grad():
    sample = G(torch.randn(2000, LATENT))
r = sample.norm(dim=1)
close = ((r - 1).abs() < 0.25).float().mean().item()
sectors = torch.histc(torch.atan2(sample[:, 1], sample[:, 0]), bins=8, min=-math.pi, max=math.pi)
print("samples per sector:", sectors.int().tolist())
covered = (sectors > 80).float().mean().item()
print(f"on the ring: {close:.3f}  sectors covered: {covered:.3f}  quality: {close * covered:.3f}")
