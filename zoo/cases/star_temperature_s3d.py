# effective temperature of stars from four colour indices
import numpy as np
import torch
import torch.nn as nn

np.random.seed(8)
torch.manual_seed(8)

n = 3000
teff = np.exp(np.random.uniform(np.log(3500), np.log(12000), n))
metal = np.random.normal(0, 0.25, n)
theta = 5040.0 / teff
b_v = 1.55 * theta - 0.85 + 0.06 * metal
v_r = 0.95 * theta - 0.45 + 0.02 * metal ** 2
r_i = 0.80 * theta ** 1.2 - 0.38
j_k = 0.72 * theta - 0.30 - 0.03 * metal
colours = np.stack([b_v, v_r, r_i, j_k], axis=1) + np.random.normal(0, 0.012, (n, 4))

colours = (colours - colours.mean(0)) / colours.std(0)
X = torch.tensor(colours, dtype=torch.float32)
T = torch.tensor(teff, dtype=torch.float32).unsqueeze(1)

X_fit, T_fit = X[:2400], T[:2400]
X_hold, T_hold = X[2400:], T[2400:]

model = nn.Sequential(
    nn.Linear(4, 32),
    nn.Tanh(),
    nn.Linear(32, 32),
    nn.Tanh(),
    nn.Linear(32, 1),
)
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters())
batch = 48


def r2(x, t):
    with torch.no_grad():
        return (1 - ((model(x) - t) ** 2).sum() / ((t - t.mean()) ** 2).sum()).item()


for epoch in range(1, 31):
    order = np.random.permutation(len(X_fit))
    epoch_loss = 0
    for start in range(0, len(order), batch):
        pick = order[start:start + batch]
        optimizer.zero_grad()
        loss = criterion(model(X_fit[pick]), T_fit[pick])
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item() * len(pick)
    if epoch % 3 == 0:
        print("epoch", epoch, "loss %.6g" % (epoch_loss / len(X_fit)), "holdout R2 %.4f" % r2(X_hold, T_hold))

print("final R2: %.4f" % r2(X_hold, T_hold))
