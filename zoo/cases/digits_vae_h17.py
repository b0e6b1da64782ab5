import torch
from torch import nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

torch.manual_seed(3)

x = torch.tensor(load_digits().data, dtype=torch.float32) / 16
x = x[torch.randperm(len(x))]
train, test = x[:1500], x[1500:]


class VAE(nn.Module):
    def __init__(self, hidden=128, latent=8):
        super().__init__()
        self.enc = nn.Linear(64, hidden)
        self.mu = nn.Linear(hidden, latent)
        self.logvar = nn.Linear(hidden, latent)
        self.dec1 = nn.Linear(latent, hidden)
        self.dec2 = nn.Linear(hidden, 64)

    def forward(self, x):
        h = F.relu(self.enc(x))
        mu, logvar = self.mu(h), self.logvar(h)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        return self.dec2(F.relu(self.dec1(z))), mu, logvar


def neg_elbo(model, x):
    logits, mu, logvar = model(x)
    recon = F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(1)
    kl = -0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).sum(1)
    return recon.mean(), kl.mean()


vae = VAE()
opt = torch.optim.Adam(vae.parameters(), lr=2e-3)
for epoch in range(30):
    beta = min(1.0, (epoch + 1) / 10)     # KL annealing
    tot = 0
    for b in train[torch.randperm(len(train))].split(64):
        recon, kl = neg_elbo(vae, b)
        loss = recon + beta * kl
        opt.zero_grad()
        loss.backward()
        opt.step()
        tot += loss.item() * len(b)
    if epoch % 3 == 2:
        print(f"epoch {epoch + 1} beta {beta:.1f} loss {tot / len(train):.2f} (recon {recon:.2f} kl {kl:.2f})")

with torch.no_grad():
    r, k = neg_elbo(vae, test)
print(f"test -ELBO: {(r + k).item():.3f}")
