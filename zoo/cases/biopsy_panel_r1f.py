import sys

import numpy as np
import torch
from sklearn.datasets import make_classification

np.random.seed(77)
torch.manual_seed(77)

# 160 patients with a panel of 30 markers, 400 more from the second clinic for validation
X, y = make_classification(n_samples=560, n_features=30, n_informative=5, n_redundant=3, flip_y=0.15,
                           n_clusters_per_class=1, class_sep=1.3, random_state=31)
perm = np.random.permutation(len(X))
X, y = X[perm].astype("float32"), y[perm].astype("float32")
X = (X - X[:160].mean(0)) / X[:160].std(0)
Xt, yt = torch.from_numpy(X[:160]), torch.from_numpy(y[:160])
Xv, yv = torch.from_numpy(X[160:]), torch.from_numpy(y[160:])


def mlp(sizes, p):
    mods = []
    for a, b in zip(sizes[:-1], sizes[1:]):
        mods.append(torch.nn.Linear(a, b))
        mods.append(torch.nn.ReLU())
        mods.append(torch.nn.Dropout(p))
    return torch.nn.Sequential(*mods, torch.nn.Linear(sizes[-1], 1), torch.nn.Flatten(0))


config = dict(sizes=[30, 256, 128], p=0.0, lr=1e-3, weight_decay=0.0, epochs=240, batch=20)
net = mlp(config["sizes"], config["p"])
bce = torch.nn.BCEWithLogitsLoss()
opt = torch.optim.AdamW(net.parameters(), lr=config["lr"], weight_decay=config["weight_decay"])

for ep in range(config["epochs"]):
    net.train()
    losses = []
    for rows in torch.randperm(len(Xt)).split(config["batch"]):
        opt.zero_grad(set_to_none=True)
        loss = bce(net(Xt[rows]), yt[rows])
        loss.backward()
        opt.step()
        losses.append(loss.item())
    net.eval()
    with torch.no_grad():
        logits = net(Xv)
        val = bce(logits, yv).item()
        acc = ((logits > 0).float() == yv).float().mean().item()
    if ep % 10 == 9:
        sys.stdout.write(f"{ep + 1}\ttrain {np.mean(losses):.4f}\tvalidation {val:.4f}\tacc {acc:.3f}\n")

print(f"validation log loss: {val:.4f}")
