"""Committee of small networks for the daily ozone maximum; each member sees its own resample."""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Subset, TensorDataset

MEMBERS = 3
EPOCHS = 14

rng = np.random.default_rng(9)
torch.manual_seed(9)

# temperature, humidity, wind, radiation, NOx, inversion height
days = 3600
temp = rng.normal(20, 7, days)
humid = np.clip(rng.normal(60, 15, days) - 0.6 * (temp - 20), 10, 100)
wind = rng.gamma(4.0, 0.9, days)
sun = np.clip(rng.normal(450, 150, days) + 8 * (temp - 20), 20, 900)
nox = rng.gamma(5.0, 5.0, days)
height = rng.uniform(200, 1800, days)
ozone = (25 + 0.9 * np.maximum(temp - 12, 0) ** 1.2 + 0.04 * sun - 0.12 * humid
         + 14 * np.exp(-wind / 3) + 10 * np.sin(nox / 14) - 0.006 * height + rng.normal(0, 1.5, days))

table = np.stack([temp, humid, wind, sun, nox, height], axis=1)
fit, test = slice(0, 2800), slice(2800, None)
z = (table - table[fit].mean(0)) / table[fit].std(0)
m, s = ozone[fit].mean(), ozone[fit].std()
inputs = torch.tensor(z, dtype=torch.float32)
target = torch.tensor((ozone - m) / s, dtype=torch.float32).unsqueeze(1)
train_set = TensorDataset(inputs[fit], target[fit])


def new_member():
    return nn.Sequential(nn.Linear(6, 32), nn.GELU(), nn.Linear(32, 32), nn.GELU(), nn.Linear(32, 1))


def r2(pred, truth):
    return (1 - (pred - truth).pow(2).mean() / truth.var(unbiased=False)).item()


committee = []
for k in range(MEMBERS):
    member = new_member()
    resample = Subset(train_set, torch.randint(0, len(train_set), (len(train_set),)).tolist())
    loader = DataLoader(resample, batch_size=64, shuffle=True)
    optimizer = torch.optim.Adam(member.parameters(), lr=4e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=EPOCHS)
    for epoch in range(EPOCHS):
        total = 0.0
        for a, b in loader:
            loss = nn.functional.mse_loss(member(a), b)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(a)
        schedule.step()
    with torch.no_grad():
        alone = r2(member(inputs[test]), target[test])
    print(f"member {k}: train mse {total / len(resample):.4f}  test R2 {alone:.4f}")
    committee.append(member)

with torch.no_grad():
    votes = torch.stack([member(inputs[test]) for member in committee])
print(f"spread between members: {votes.std(0).mean().item() * s:.2f} ppb")
print(f"committee R2: {r2(votes.mean(0), target[test]):.4f}")
