import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import make_gaussian_quantiles
from sklearn.model_selection import train_test_split

p = argparse.ArgumentParser(description="Nested gaussian shells: which of four rings is a point in?")
p.add_argument("--units", type=int, default=2)
p.add_argument("--rate", type=float, default=0.01)
p.add_argument("--epochs", type=int, default=60)
p.add_argument("--batch", type=int, default=80)
opt = p.parse_args()

torch.manual_seed(27)

points, ring = make_gaussian_quantiles(n_samples=2600, n_features=2, n_classes=4, random_state=27)
xtr, xte, ytr, yte = train_test_split(
    torch.tensor(points).float(), torch.tensor(ring), test_size=600, stratify=ring, random_state=27
)


class RingNet(nn.Module):
    def __init__(self, units):
        super().__init__()
        self.inner = nn.Linear(2, units)
        self.outer = nn.Linear(units, 4)

    def forward(self, x):
        return F.log_softmax(self.outer(torch.tanh(self.inner(x))), dim=1)


def score(net, x, y):
    with torch.no_grad():
        logp = net(x)
    return F.nll_loss(logp, y).item(), (logp.argmax(1) == y).float().mean().item()


net = RingNet(opt.units)
adam = torch.optim.Adam(net.parameters(), lr=opt.rate)
for epoch in range(opt.epochs):
    for rows in torch.randperm(len(xtr)).split(opt.batch):
        adam.zero_grad()
        F.nll_loss(net(xtr[rows]), ytr[rows]).backward()
        adam.step()
    if epoch % 10 == 9:
        (tr_nll, tr_acc), (te_nll, te_acc) = score(net, xtr, ytr), score(net, xte, yte)
        print(f"@{epoch + 1} train nll {tr_nll:.3f} acc {tr_acc:.3f} | test nll {te_nll:.3f} acc {te_acc:.3f}")

print(f"rings told apart: {score(net, xte, yte)[1]:.3f}")
