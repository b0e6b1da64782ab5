# Forward kinematics of a planar arm with two joints, learned from samples.
import math

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(41)


def hand_position(joints):
    a, b = joints[:, 0], joints[:, 0] + joints[:, 1]
    return torch.stack([1.0 * torch.cos(a) + 0.7 * torch.cos(b), 1.0 * torch.sin(a) + 0.7 * torch.sin(b)], dim=1)


def sample(n):
    joints = torch.empty(n, 2)
    joints[:, 0].uniform_(-math.pi / 2, math.pi / 2)
    joints[:, 1].uniform_(0.0, math.pi * 0.8)
    return joints, hand_position(joints)


train_q, train_p = sample(1200)
test_q, test_p = sample(400)
center, spread = train_q.mean(0), train_q.std(0)

loader = DataLoader(TensorDataset((train_q - center) / spread, train_p), batch_size=4, shuffle=True)
net = nn.Sequential(nn.Linear(2, 40), nn.Tanh(), nn.Linear(40, 40), nn.Tanh(), nn.Linear(40, 2))
criterion = nn.MSELoss()
optimizer = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9)
epochs = 14
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs, eta_min=0.001)

for epoch in range(epochs):
    total = 0.0
    for q, p in loader:
        loss = criterion(net(q), p)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(q)
    scheduler.step()
    with torch.no_grad():
        held_out = criterion(net((test_q - center) / spread), test_p).item()
    print(f"epoch {epoch + 1:2d}  train mse {total / len(train_q):.5f}  test mse {held_out:.5f}")

with torch.no_grad():
    error = (net((test_q - center) / spread) - test_p).pow(2).sum()
    r2 = 1 - error / (test_p - test_p.mean(0)).pow(2).sum()
print(f"R2 on the test set: {r2.item():.4f}")
