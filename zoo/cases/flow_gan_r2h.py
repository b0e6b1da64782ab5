"""Small GAN that learns the distribution of two measured quantities (pressure drop, flow)."""
import copy

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(1)
rng = np.random.default_rng(1)

NOISE = 4
STEPS = 1500
BATCH = 128


def measurements(n):
    flow = rng.gamma(4.0, 0.5, n)
    drop = 0.3 * flow ** 2 + 0.4 * rng.normal(size=n)
    return np.stack([flow, drop], axis=1)


raw = measurements(4000)
data = torch.tensor((raw - raw.mean(0)) / raw.std(0), dtype=torch.float32)


def mlp(n_in, n_out, width=64):
    return nn.Sequential(
        nn.Linear(n_in, width), nn.LeakyReLU(0.2),
        nn.Linear(width, width), nn.LeakyReLU(0.2),
        nn.Linear(width, n_out),
    )


generator, critic = mlp(NOISE, 2), mlp(2, 1)
averaged = copy.deepcopy(generator)
g_opt = torch.optim.Adam(generator.parameters(), lr=1e-3, betas=(0.5, 0.99))
d_opt = torch.optim.Adam(critic.parameters(), lr=1e-3, betas=(0.5, 0.99))


def discriminator_step(real):
    with torch.no_grad():
        fake = generator(torch.randn(len(real), NOISE))
    real = real.clone().requires_grad_(True)
    on_real, on_fake = critic(real), critic(fake)
    slope, = torch.autograd.grad(on_real.sum(), real, create_graph=True)
    penalty = slope.pow(2).sum(1).mean()
    loss = F.softplus(-on_real).mean() + F.softplus(on_fake).mean() + 0.1 * penalty
    d_opt.zero_grad()
    loss.backward()
    d_opt.step()
    return loss.item()


def generator_step():
    loss = F.softplus(-critic(generator(torch.randn(BATCH, NOISE)))).mean()
    g_opt.zero_grad()
    loss.backward()
    g_opt.step()
    with torch.no_grad():
        for slow, fast in zip(averaged.parameters(), generator.parameters()):
            slow.lerp_(fast, 0.01)
    return loss.item()


def distance(net):
    """Largest gap between real and generated means, spreads and correlation."""
    with torch.no_grad():
        fake = net(torch.randn(4000, NOISE))
    gaps = [(fake.mean(0) - data.mean(0)).abs().max(), (fake.std(0) - data.std(0)).abs().max(),
            (torch.corrcoef(fake.T)[0, 1] - torch.corrcoef(data.T)[0, 1]).abs()]
    return max(gap.item() for gap in gaps)


for step in range(1, STEPS + 1):
    d_loss = discriminator_step(data[torch.randint(len(data), (BATCH,))])
    g_loss = generator_step()
    if step % 150 == 0:
        print(f"step {step}: D {d_loss:.3f}  G {g_loss:.3f}  gap {distance(averaged):.3f}")

print(f"moment gap: {distance(averaged):.4f}")
