# How many knight moves between two squares? Squeeze the 64x64 table into a small network.
from collections import deque

import numpy as np
import torch
from torch import nn
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(3)

JUMPS = [(1, 2), (2, 1), (2, -1), (1, -2), (-1, -2), (-2, -1), (-2, 1), (-1, 2)]


def distances_from(start):
    dist = np.full(64, -1)
    dist[start] = 0
    queue = deque([start])
    while queue:
        r, c = divmod(queue.popleft(), 8)
        for dr, dc in JUMPS:
            rr, cc = r + dr, c + dc
            if 0 <= rr < 8 and 0 <= cc < 8 and dist[rr * 8 + cc] < 0:
                dist[rr * 8 + cc] = dist[r * 8 + c] + 1
                queue.append(rr * 8 + cc)
    return dist


table = np.stack([distances_from(s) for s in range(64)])
src, dst = np.divmod(np.arange(64 * 64), 64)
pairs = torch.tensor(np.stack([src, dst], 1))
moves = torch.tensor(table.reshape(-1))


class KnightNet(nn.Module):
    def __init__(self, dim=24, width=128):
        super().__init__()
        self.source = nn.Embedding(64, dim)
        self.target = nn.Embedding(64, dim)
        self.head = nn.Sequential(
            nn.Linear(2 * dim, width), nn.ReLU(),
            nn.Linear(width, width), nn.ReLU(),
            nn.Linear(width, int(moves.max()) + 1),
        )

    def forward(self, p):
        return self.head(torch.cat([self.source(p[:, 0]), self.target(p[:, 1])], dim=1))


loader = DataLoader(TensorDataset(pairs, moves), batch_size=128, shuffle=True)
net = KnightNet()
opt = torch.optim.Adam(net.parameters(), lr=2e-3)
sched = StepLR(opt, step_size=20, gamma=0.7)
ce = nn.CrossEntropyLoss()

for epoch in range(1, 31):
    total = 0.0
    for p, m in loader:
        loss = ce(net(p), m)
        opt.zero_grad()
        loss.backward()
        opt.step()
        sched.step()
        total += loss.item() * len(p)
    if epoch % 5 == 0:
        print(f"epoch {epoch}: loss {total / len(pairs):.4f}")

net.eval()
with torch.no_grad():
    hit = (net(pairs).argmax(1) == moves).float().mean().item()
print(f"entries of the table reproduced: {hit:.4f}")
