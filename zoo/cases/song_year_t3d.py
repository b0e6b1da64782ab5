"""Guess the release year of a song from its timbre summary (twelve averages, eight variances)."""

import numpy as np
import torch
from sklearn.metrics import mean_absolute_error, r2_score
from sklearn.preprocessing import StandardScaler
from torch import nn

torch.manual_seed(14)
rng = np.random.default_rng(14)

n = 5000
style = rng.normal(size=(n, 4))
era = 0.8 * np.tanh(style[:, 0] + 0.5 * style[:, 1]) + 0.5 * style[:, 2] + 0.3 * style[:, 1] * style[:, 3]
year = 1988.0 + 12.0 * era + rng.normal(scale=1.5, size=n)
timbre = np.hstack([
    style @ rng.normal(size=(4, 12)) + 0.1 * rng.normal(size=(n, 12)),
    np.exp(0.3 * style @ rng.normal(size=(4, 8))) + 0.05 * rng.normal(size=(n, 8)),
])

scaler = StandardScaler().fit(timbre[:4000])
X = torch.from_numpy(scaler.transform(timbre)).float()
y = torch.from_numpy(year).float()
X_train, X_test = X[:4000], X[4000:]
y_train, y_test = y[:4000], y[4000:]

net = nn.Sequential(
    nn.Linear(20, 64),
    nn.ReLU(),
    nn.Linear(64, 64),
    nn.ReLU(),
    nn.Linear(64, 1),
    nn.Flatten(0),
)
optimizer = torch.optim.AdamW(net.parameters(), lr=5e-3, weight_decay=1e-4)


def guess_years(features):
    net.eval()
    with torch.no_grad():
        return net(features)


for epoch in range(30):
    net.train()
    shuffled = torch.randperm(len(X_train))
    for rows in shuffled.chunk(63):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(net(X_train[rows]), y_train[rows])
        loss.backward()
        optimizer.step()
    if epoch % 3 == 2:
        mae = mean_absolute_error(y_test, guess_years(X_test))
        print(f"after {epoch + 1} epochs: last batch {loss.item():.3f}, off by {mae:.2f} years")

print("R^2 on unheard songs: %.3f" % r2_score(y_test, guess_years(X_test)))
