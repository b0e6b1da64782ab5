"""Has X won? All end positions of tic-tac-toe, one-hot encoded (27 inputs)."""
import random
import torch
import torch.nn.functional as F
from torch import nn

random.seed(11)
torch.manual_seed(11)

LINES = [(0, 1, 2), (3, 4, 5), (6, 7, 8), (0, 3, 6), (1, 4, 7), (2, 5, 8), (0, 4, 8), (2, 4, 6)]


def winner(b):
    for i, j, k in LINES:
        if b[i] and b[i] == b[j] == b[k]:
            return b[i]
    return 0


def boards():
    # reachable positions, breadth first
    seen, frontier, ends = set(), {((0,) * 9, 1)}, {}
    while frontier:
        nxt = set()
        for b, p in frontier:
            w = winner(b)
            if w or all(b):
                ends[b] = int(w == 1)
                continue
            for i in range(9):
                if not b[i]:
                    nxt.add((b[:i] + (p,) + b[i + 1:], 3 - p))
        frontier = nxt
    return ends


data = sorted(boards().items())
random.shuffle(data)
X = F.one_hot(torch.tensor([b for b, _ in data]), 3).flatten(1).float()
y = torch.tensor([w for _, w in data]).float()
n_test = len(data) // 4
print(len(data), "positions, X wins in", f"{y.mean():.3f}")

net = nn.Sequential(nn.Linear(27, 64), nn.ReLU(), nn.Linear(64, 1))
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
for epoch in range(40):
    for idx in (torch.randperm(len(y) - n_test) + n_test).split(32):
        loss = F.binary_cross_entropy_with_logits(net(X[idx]).squeeze(1), y[idx])
        opt.zero_grad()
        loss.backward()
        opt.step()
    if epoch % 5 == 4:
        with torch.no_grad():
            print("epoch", epoch + 1, "loss", round(loss.item(), 4))
with torch.no_grad():
    acc = ((net(X[:n_test]).squeeze(1) > 0) == (y[:n_test] > 0.5)).float().mean().item()
print(f"test accuracy: {acc:.3f}")
