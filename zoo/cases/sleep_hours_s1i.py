"""How well does one day predict the sleep that follows it?"""
import copy

import numpy as np
import torch
from torch import nn

torch.manual_seed(64)
rng = np.random.default_rng(64)

N = 4000
caffeine = rng.gamma(2.0, 90.0, N)       # mg
exercise = rng.exponential(30.0, N)      # minutes
screen = rng.uniform(0, 5, N)            # hours after 18:00
stress = rng.integers(1, 11, N)          # self-rated
age = rng.uniform(18, 75, N)
hours = (7.6 - 0.003 * caffeine + 0.9 * np.tanh(exercise / 40) - 0.05 * screen * stress / 2
         - 0.012 * np.abs(age - 40) + rng.normal(0, 0.55, N))

X = np.column_stack([caffeine, exercise, screen, stress, age])
order = rng.permutation(N)
train, val, test = order[:2600], order[2600:3300], order[3300:]
X = (X - X[train].mean(0)) / X[train].std(0)
y = (hours - hours[train].mean()) / hours[train].std()
X = torch.tensor(X, dtype=torch.float32)
y = torch.tensor(y, dtype=torch.float32).unsqueeze(1)
train, val, test = map(torch.from_numpy, (train, val, test))


def r_squared(model, part):
    model.eval()
    with torch.no_grad():
        residual = (y[part] - model(X[part])).square().mean()
    return 1 - (residual / y[part].var(unbiased=False)).item()


model = nn.Sequential(nn.Linear(5, 24), nn.SiLU(), nn.Linear(24, 12), nn.SiLU(), nn.Linear(12, 1))
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.05)
loss_fn = nn.MSELoss()

best, best_weights, waited, patience = -np.inf, None, 0, 8
for epoch in range(60):
    model.train()
    for rows in train[torch.randperm(len(train))].split(65):
        optimizer.zero_grad()
        loss_fn(model(X[rows]), y[rows]).backward()
        optimizer.step()
    now = r_squared(model, val)
    print(f"epoch {epoch + 1}: R2 train {r_squared(model, train):.3f}, validation {now:.3f}")
    if now > best + 1e-4:
        best, best_weights, waited = now, copy.deepcopy(model.state_dict()), 0
    else:
        waited += 1
        if waited == patience:
            print("no progress for", patience, "epochs, stopping")
            break

model.load_state_dict(best_weights)
print(f"test R2: {r_squared(model, test):.3f}")
