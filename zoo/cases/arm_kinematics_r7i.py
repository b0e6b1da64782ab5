"""Learn the forward kinematics of a planar two-link arm (joint angles -> tip position)."""
import numpy as np
import torch
from torch import nn

np.random.seed(12)
torch.manual_seed(12)

L1, L2 = 1.0, 0.7


def tip(q):
    x = L1 * np.cos(q[:, 0]) + L2 * np.cos(q[:, 0] + q[:, 1])
    y = L1 * np.sin(q[:, 0]) + L2 * np.sin(q[:, 0] + q[:, 1])
    return np.stack([x, y], axis=1)


def sample(n):
    q = np.random.uniform(-1.5, 1.5, size=(n, 2))
    return torch.tensor(q, dtype=torch.float32), torch.tensor(tip(q), dtype=torch.float32)


q_train, p_train = sample(3000)
q_val, p_val = sample(1000)

net = nn.Sequential(nn.Linear(2, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 2))
optim = torch.optim.Adam(net.parameters(), lr=2e-3)
loss_fn = nn.MSELoss()

step = 0
for epoch in range(50):
    for idx in torch.randperm(3000).split(60):
        loss = loss_fn(net(q_train[idx]), p_train[idx])
        optim.zero_grad()
        loss.backward()
        optim.step()
        step += 1
        if step % 100 == 0:
            print(f"step {step:5d}   loss {loss.item():.2e}")

with torch.no_grad():
    err = (net(q_val) - p_val).norm(dim=1)
    train_mse, val_mse = loss_fn(net(q_train), p_train), loss_fn(net(q_val), p_val)
print(f"mse: train {train_mse:.2e}, validation {val_mse:.2e}")
print(f"mean tip error: {1000 * err.mean().item():.2f} mm")
