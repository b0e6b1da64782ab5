"""Sparse autoencoder for single heart beats (synthetic, 80 samples per beat)."""
import numpy as np
import torch
from torch import nn

rng = np.random.default_rng(7)
torch.manual_seed(7)


def make_beats(n):
    t = np.linspace(0, 1, 80)[None, :]
    def wave(centre, width, height):
        return height[:, None] * np.exp(-0.5 * ((t - centre[:, None]) / width[:, None]) ** 2)
    p = wave(rng.normal(0.22, 0.02, n), rng.uniform(0.02, 0.04, n), rng.uniform(0.05, 0.3, n))
    q = wave(rng.normal(0.37, 0.01, n), rng.uniform(0.010, 0.015, n), -rng.uniform(0.0, 0.3, n))
    r = wave(rng.normal(0.41, 0.01, n), rng.uniform(0.015, 0.025, n), rng.uniform(0.7, 1.3, n))
    s = wave(rng.normal(0.46, 0.01, n), rng.uniform(0.012, 0.020, n), -rng.uniform(0.0, 0.5, n))
    tw = wave(rng.normal(0.70, 0.03, n), rng.uniform(0.04, 0.08, n), rng.uniform(0.1, 0.5, n))
    return p + q + r + s + tw + 0.02 * rng.standard_normal((n, 80))


class SparseCoder(nn.Module):
    def __init__(self, n_in=80, n_hidden=64, n_code=40):
        super().__init__()
        self.inp = nn.Linear(n_in, n_hidden)
        self.code = nn.Linear(n_hidden, n_code)
        self.mid = nn.Linear(n_code, n_hidden)
        self.out = nn.Linear(n_hidden, n_in)
        # start with a sparse code: only strong patterns get through
        nn.init.constant_(self.code.bias, -2.0)

    def encode(self, x):
        h = torch.relu(self.inp(x))
        return torch.relu(self.code(h))

    def forward(self, x):
        z = self.encode(x)
        return self.out(torch.relu(self.mid(z))), z


class Trainer:
    def __init__(self, model, lr, batch_size):
        self.model = model
        self.optim = torch.optim.Adam(model.parameters(), lr=lr)
        self.batch_size = batch_size

    def epoch(self, data):
        total = 0.0
        for idx in torch.randperm(len(data)).split(self.batch_size):
            x = data[idx]
            rec, _ = self.model(x)
            loss = nn.functional.mse_loss(rec, x)
            self.optim.zero_grad()
            loss.backward()
            self.optim.step()
            total += loss.item() * len(idx)
        return total / len(data)

    @torch.no_grad()
    def explained(self, data):
        rec, _ = self.model(data)
        return 1 - ((rec - data) ** 2).mean().item() / ((data - data.mean(0)) ** 2).mean().item()


beats = make_beats(3000)
train, held = beats[:2400], beats[2400:]
mu, sd = train.mean(0), train.std(0)
train = torch.tensor((train - mu) / sd, dtype=torch.float32)
held = torch.tensor((held - mu) / sd, dtype=torch.float32)

trainer = Trainer(SparseCoder(), lr=1e-3, batch_size=48)
for epoch in range(30):
    mse = trainer.epoch(train)
    if epoch % 5 == 4:
        print(f"[{epoch + 1:02d}] train mse {mse:.4f}   explained variance (held out) {trainer.explained(held):.3f}")
print(f"explained variance: {trainer.explained(held):.3f}")
