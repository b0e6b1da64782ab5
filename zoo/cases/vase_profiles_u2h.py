import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(17)
gen = np.random.default_rng(17)

# a vase = radius at 40 heights; belly size, belly position and rim width vary
heights = np.linspace(0, 1, 40)


def vases(n):
    belly = gen.uniform(0.4, 1.2, (n, 1))
    where = gen.uniform(0.3, 0.6, (n, 1))
    rim = gen.uniform(0.0, 0.8, (n, 1))
    radius = 0.5 + belly * np.exp(-((heights - where) / 0.18) ** 2) + rim * heights ** 4
    return torch.tensor(radius + 0.03 * gen.standard_normal((n, 40)), dtype=torch.float32)


train, valid = vases(3000), vases(600)
centre, scale = train.mean(), train.std()
train, valid = (train - centre) / scale, (valid - centre) / scale
NOISE = 0.1   # standard deviation of the decoder


class VAE(nn.Module):
    def __init__(self, latent=3):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(40, 64), nn.SiLU(), nn.Linear(64, 32), nn.SiLU())
        self.mu = nn.Linear(32, latent)
        self.logvar = nn.Linear(32, latent)
        self.decoder = nn.Sequential(nn.Linear(latent, 32), nn.SiLU(), nn.Linear(32, 64), nn.SiLU(), nn.Linear(64, 40))

    def forward(self, x):
        h = self.encoder(x)
        mu, logvar = self.mu(h), self.logvar(h)
        z = mu + torch.randn_like(mu) * (0.5 * logvar).exp()
        return self.decoder(z), mu, logvar


def negative_elbo(x, out, mu, logvar):
    """per curve point, so that numbers stay readable"""
    rec = (out - x).pow(2).sum(1) / (2 * NOISE ** 2)
    kl = 0.5 * (mu.pow(2) + logvar.exp() - 1 - logvar).sum(1)
    return (rec + kl).mean() / x.shape[1], kl.mean()


vae = VAE()
opt = torch.optim.Adam(vae.parameters(), lr=2e-3)
sched = torch.optim.lr_scheduler.OneCycleLR(opt, max_lr=4e-3, epochs=24, steps_per_epoch=50)

for epoch in range(24):
    for x in train[torch.randperm(3000)].split(60):
        loss, kl = negative_elbo(x, *vae(x))
        opt.zero_grad()
        loss.backward()
        opt.step()
        sched.step()
    if epoch % 4 == 3:
        with torch.no_grad():
            v, vkl = negative_elbo(valid, *vae(valid))
        print(f"epoch {epoch + 1}: train {loss.item():.3f} valid {v.item():.3f} (kl {vkl.item():.2f} nats)")

with torch.no_grad():
    out, mu, logvar = vae(valid)
    rebuilt = 1 - (vae.decoder(mu) - valid).pow(2).mean() / (valid - valid.mean(0)).pow(2).mean()
    drawn = vae.decoder(torch.randn(600, 3))
print("latent spread (std of means):", [round(v, 2) for v in mu.std(0).tolist()])
print(f"mean radius std: real {(valid.std(0) * scale).mean():.3f} drawn {(drawn.std(0) * scale).mean():.3f}")
print(f"reconstruction R2 {rebuilt.item():.4f}")
