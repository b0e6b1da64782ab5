# What does the malting lab measure on a plot, given its season? Three outputs from one network.
import numpy as np
import torch

torch.manual_seed(12)
rng = np.random.default_rng(12)

n = 3000
rain = rng.gamma(9, 35, n)             # mm, April to July
warmth = rng.normal(1500, 140, n)      # degree days
nitrogen = rng.uniform(40, 180, n)     # kg / ha
sowing = rng.integers(60, 110, n)      # day of the year
clay = rng.beta(3, 5, n)
inputs = np.stack([rain, warmth, nitrogen, sowing, clay], 1)

wet = (rain - 315) / 105
hot = (warmth - 1500) / 140
fed = (nitrogen - 110) / 40
late = (sowing - 85) / 14
harvest = 5800 + 900 * np.tanh(fed) - 350 * wet ** 2 + 300 * wet - 450 * late * (1 + 0.4 * np.tanh(hot)) + 1500 * (clay - 0.375)
protein = 10.8 + 0.9 * fed + 0.7 * hot - 0.5 * np.tanh(wet) + 0.3 * late * hot
extract = 81.0 - 1.1 * fed - 0.8 * late * np.tanh(wet) + 0.6 * np.cos(1.5 * hot)
outputs = np.stack([harvest, protein, extract], 1)      # kg / ha, %, %
outputs = outputs + rng.normal(size=outputs.shape) * [120, 0.15, 0.15]
columns = ["harvest", "protein", "extract"]

train, test = slice(0, 2400), slice(2400, None)
x = (inputs - inputs[train].mean(0)) / inputs[train].std(0)
y_mean, y_std = np.zeros(3), np.ones(3)
y = (outputs - y_mean) / y_std
x, y = torch.tensor(x).float(), torch.tensor(y).float()

net = torch.nn.Sequential(
    torch.nn.Linear(5, 64), torch.nn.GELU(),
    torch.nn.Linear(64, 64), torch.nn.GELU(),
    torch.nn.Linear(64, 3),
)
adam = torch.optim.Adam(net.parameters(), lr=2e-3)

for epoch in range(40):
    for batch in torch.randperm(2400).split(64):
        loss = torch.nn.functional.mse_loss(net(x[train][batch]), y[train][batch])
        adam.zero_grad()
        loss.backward()
        adam.step()
    if epoch % 5 == 4:
        print(f"{epoch + 1:3d}  last batch loss {loss.item():.4g}")

with torch.no_grad():
    error = (net(x[test]) - y[test]).pow(2).mean(0) / y[test].var(0)
for name, e in zip(columns, error):
    print(f"{name:8s} R2 {1 - e:.3f}")
print(f"mean R2 over outputs: {1 - error.mean():.3f}")
