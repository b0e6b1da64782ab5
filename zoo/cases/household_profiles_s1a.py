"""Compress daily electricity profiles (48 half-hours) to four numbers and back."""
import numpy as np
import torch
from torch import nn

torch.manual_seed(21)
gen = np.random.default_rng(21)

SLOTS, CODE = 48, 4
hours = np.arange(SLOTS) / 2


def household(n):
    def bump(centre, width):
        distance = np.abs(hours - centre)
        distance = np.minimum(distance, 24 - distance)
        return np.exp(-0.5 * (distance / width) ** 2)

    wake = gen.uniform(5.5, 9.0, (n, 1))
    dinner = gen.uniform(17.0, 21.0, (n, 1))
    morning = gen.uniform(0.4, 1.6, (n, 1)) * bump(wake, 1.2)
    evening = gen.uniform(0.8, 2.4, (n, 1)) * bump(dinner, 2.0)
    return 0.2 + morning + evening + 0.05 * gen.normal(size=(n, SLOTS))


train, test = household(2400), household(600)
mu, sd = train.mean(), train.std()
train = torch.as_tensor((train - mu) / sd, dtype=torch.float32)
test = torch.as_tensor((test - mu) / sd, dtype=torch.float32)


def block(n_in, n_out):
    layer = nn.Linear(n_in, n_out)
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)
    return [layer, nn.Sigmoid()]


def stack(sizes):
    parts = []
    for a, b in zip(sizes[:-1], sizes[1:]):
        parts += block(a, b)
    return parts


encoder = nn.Sequential(*stack([SLOTS, 40, 32, 24, 16]), nn.Linear(16, CODE))
decoder = nn.Sequential(*stack([CODE, 16, 24, 32, 40]), nn.Linear(40, SLOTS))
autoencoder = nn.Sequential(encoder, decoder)

opt = torch.optim.SGD(autoencoder.parameters(), lr=0.1, momentum=0.9)
mse = nn.MSELoss()

for epoch in range(1, 31):
    running = 0.0
    for rows in torch.randperm(len(train)).split(60):
        x = train[rows]
        loss = mse(autoencoder(x), x)
        opt.zero_grad()
        loss.backward()
        opt.step()
        running += loss.item() * len(rows)
    if epoch % 3 == 0:
        with torch.no_grad():
            held_out = mse(autoencoder(test), test).item()
        print(f"[{epoch:02d}/30] train {running / len(train):.4f}  held out {held_out:.4f}")

explained = 1 - held_out / test.sub(train.mean(0)).pow(2).mean().item()
print(f"explained variance of held-out profiles: {explained:.3f}")
