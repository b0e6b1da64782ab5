"""Forward kinematics of a planar three-joint arm, learned from measured poses."""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

LINKS = (0.5, 0.35, 0.2)  # metres


def poses(count, rng):
    q = rng.uniform(-np.pi / 2, np.pi / 2, size=(count, 3))
    angle = np.cumsum(q, axis=1)
    x = (np.cos(angle) * LINKS).sum(1)
    y = (np.sin(angle) * LINKS).sum(1)
    return q, np.stack([x, y], axis=1) + rng.normal(0, 0.002, size=(count, 2))


def as_dataset(q, p):
    return TensorDataset(torch.as_tensor(q, dtype=torch.float32), torch.as_tensor(p, dtype=torch.float32))


torch.manual_seed(8)
rng = np.random.default_rng(8)
train_set = as_dataset(*poses(2400, rng))
test_q, test_p = as_dataset(*poses(600, rng)).tensors

net = nn.Sequential(
    nn.Linear(3, 48),
    nn.Tanh(),
    nn.Linear(48, 48),
    nn.Tanh(),
    nn.Linear(48, 2),
)
adam = torch.optim.Adam(net.parameters(), lr=3e-3)
mse = nn.MSELoss()
loader = DataLoader(train_set, batch_size=len(train_set), shuffle=True)

EPOCHS = 160
for epoch in range(1, EPOCHS + 1):
    for q, p in loader:
        adam.zero_grad(set_to_none=True)
        loss = mse(net(q), p)
        loss.backward()
        adam.step()
    if epoch % 20 == 0:
        print(f"epoch {epoch:4d}: mse {loss.item():.6f}")

with torch.no_grad():
    miss = (net(test_q) - test_p).norm(dim=1)
print(f"median position error {miss.median().item() * 100:.2f} cm")
