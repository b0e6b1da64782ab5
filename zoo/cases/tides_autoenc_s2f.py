import math

import torch
import torch.nn as nn

torch.manual_seed(5)

HOURS = 48


def tide_curves(n):
    """Two days of sea level: two tidal waves, spring/neap strength, and a surge."""
    t = torch.arange(HOURS).float()
    strength = torch.rand(n, 1) * 0.8 + 0.4
    phase = torch.rand(n, 1) * 2 * math.pi
    daily = torch.rand(n, 1) * 0.6
    when = torch.rand(n, 1) * 30 + 9
    surge = torch.rand(n, 1) * 1.5
    level = strength * torch.sin(2 * math.pi * t / 12.42 + phase)
    level = level + daily * torch.sin(2 * math.pi * t / 24.84 + phase / 2)
    level = level + surge * torch.exp(-((t - when) / 5) ** 2)
    return level + 0.03 * torch.randn(n, HOURS)


class TideAE(nn.Module):
    def __init__(self, code=8):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Linear(HOURS, 64), nn.Tanh(),
            nn.Linear(64, 32), nn.Tanh(),
            nn.Linear(32, code),
        )
        self.decoder = nn.Sequential(
            nn.Linear(code, 32), nn.Tanh(),
            nn.Linear(32, 64), nn.Tanh(),
            nn.Linear(64, HOURS),
        )

    def forward(self, x):
        return self.decoder(self.encoder(x))


curves = tide_curves(2500)
mean, std = curves[:2000].mean(), curves[:2000].std()
curves = (curves - mean) / std
train, held_out = curves[:2000], curves[2000:]

ae = TideAE()
mse = nn.MSELoss()
opt = torch.optim.SGD(ae.parameters(), lr=0.02)

for epoch in range(1, 31):
    shuffled = train[torch.randperm(len(train))]
    epoch_loss = 0.0
    for batch in shuffled.chunk(40):
        opt.zero_grad()
        loss = mse(ae(batch), batch)
        loss.backward()
        opt.step()
        epoch_loss += loss.item() / 40
    if epoch % 3 == 0:
        with torch.no_grad():
            val = mse(ae(held_out), held_out).item()
        print("epoch %3d   train %.4f   held out %.4f" % (epoch, epoch_loss, val))

print("unexplained share: %.4f" % (val / held_out.var().item()))
