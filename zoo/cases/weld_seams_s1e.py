"""Ultrasonic readings of weld seams: which ones go back to the workshop?"""
import numpy as np
import torch
from torch import nn

rng = np.random.default_rng(13)
torch.manual_seed(13)


def readings(n):
    rework = rng.random(n) < 0.04
    x = rng.normal(size=(n, 9))
    x[:, :5] += rework[:, None] * np.array([1.3, -1.1, 1.2, 0.9, -0.8])
    x[:, 5] = 0.6 * x[:, 0] + 0.8 * x[:, 5]
    return torch.from_numpy(x).float(), torch.from_numpy(rework).float()


x_train, t_train = readings(4000)
x_test, t_test = readings(4000)
print("seams to rework in training:", int(t_train.sum()), "of", len(t_train))


class SeamNet(nn.Module):
    def __init__(self, features=9, hidden=16):
        super().__init__()
        self.hidden = nn.Linear(features, hidden)
        self.score = nn.Linear(hidden, 1)

    def forward(self, x):
        return self.score(torch.relu(self.hidden(x))).flatten()


seam_net = SeamNet()
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(seam_net.parameters(), lr=3e-3, weight_decay=1e-4)

n_epochs, size = 15, 64
for epoch in range(n_epochs):
    shuffled = torch.randperm(len(x_train))
    seen = 0.0
    for first in range(0, len(x_train), size):
        pick = shuffled[first:first + size]
        optimizer.zero_grad()
        loss = criterion(seam_net(x_train[pick]), t_train[pick])
        loss.backward()
        optimizer.step()
        seen += loss.item() * len(pick)
    with torch.no_grad():
        z = seam_net(x_test)
        hit = ((z > 0) == (t_test > 0)).float().mean()
        print(f"epoch {epoch:2d}   train {seen / len(x_train):.4f}   test {criterion(z, t_test):.4f}   accuracy {hit:.3f}")

with torch.no_grad():
    flagged = seam_net(x_test) > 0
found = (flagged & (t_test > 0)).sum().item()
print(f"flagged {int(flagged.sum())} seams, recall {found / t_test.sum().item():.3f}")
