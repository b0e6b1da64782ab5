# Apples graded by hand (keep / juice). Graders disagree on about one apple in eight.
import copy

import numpy as np
import torch
from torch import nn

torch.manual_seed(9)
rng = np.random.default_rng(9)

N = 6000
sugar = rng.normal(13, 2, N)          # Brix
firmness = rng.normal(70, 12, N)      # newton
blush = rng.beta(2, 2, N)             # red share of the skin
diameter = rng.normal(75, 8, N)       # mm
merit = ((sugar - 13) / 2 + 0.8 * np.tanh((firmness - 66) / 8) - 3 * (blush - 0.6) ** 2 * 2
         - ((diameter - 77) / 10) ** 2 + 0.9)
truth = (merit > 0).astype(np.float32)
given = np.where(rng.random(N) < 0.12, 1 - truth, truth).astype(np.float32)

X = np.column_stack([sugar, firmness, blush, diameter])
X = torch.tensor((X - X[:4000].mean(0)) / X[:4000].std(0), dtype=torch.float32)
given = torch.from_numpy(given)
truth = torch.from_numpy(truth)
fit, hold, test = slice(0, 4000), slice(4000, 5000), slice(5000, N)

net = nn.Sequential(nn.Linear(4, 24), nn.GELU(), nn.Linear(24, 24), nn.GELU(), nn.Linear(24, 1), nn.Flatten(0))
opt = torch.optim.Adam(net.parameters(), lr=2e-3)
bce = nn.BCEWithLogitsLoss()

best, best_state, waited, patience = float("inf"), None, 0, 8
for epoch in range(100):
    for rows in torch.randperm(4000).split(64):
        opt.zero_grad()
        loss = bce(net(X[fit][rows]), given[fit][rows])
        loss.backward()
        opt.step()
    with torch.no_grad():
        hold_loss = bce(net(X[hold]), given[hold]).item()
        fit_loss = bce(net(X[fit]), given[fit]).item()
    print(f"{epoch:3d}  fit {fit_loss:.4f}  hold-out {hold_loss:.4f}")
    if hold_loss < best - 1e-4:
        best, best_state, waited = hold_loss, copy.deepcopy(net.state_dict()), 0
    else:
        waited += 1
        if waited == patience:
            print("no progress for", patience, "epochs, going back to hold-out loss", round(best, 4))
            break

net.load_state_dict(best_state)
with torch.no_grad():
    agree = ((net(X[test]) > 0).float() == truth[test]).float().mean().item()
print(f"agreement with the laboratory grade: {agree:.3f}")
