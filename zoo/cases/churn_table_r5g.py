import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(40)
rng = np.random.default_rng(40)

# synthetic customers: region and contract type (categorical), age, monthly bill, calls to the hotline
N = 2600
region = rng.integers(0, 12, N)
contract = rng.integers(0, 4, N)
numeric = rng.normal(0, 1, (N, 3))
region_effect = rng.normal(0, 1.2, 12)
contract_effect = np.array([-1.5, -0.3, 0.6, 1.4])
logit = 2.2 * (
    region_effect[region] - region_effect.mean()
    + contract_effect[contract]
    + 1.1 * numeric[:, 1] - 0.9 * numeric[:, 0] * numeric[:, 2]
)
left = (rng.uniform(0, 1, N) < 1 / (1 + np.exp(-logit))).astype(np.float32)

cat = torch.tensor(np.stack([region, contract], axis=1))
num = torch.tensor(numeric, dtype=torch.float32)
target = torch.tensor(left)
train_loader = DataLoader(TensorDataset(cat[:2000], num[:2000], target[:2000]), batch_size=64, shuffle=True)


class ChurnNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.region = nn.Embedding(12, 4)
        self.contract = nn.Embedding(4, 2)
        self.body = nn.Sequential(nn.Linear(4 + 2 + 3, 32), nn.ELU(), nn.Linear(32, 16), nn.ELU(), nn.Linear(16, 1))

    def forward(self, cat, num):
        z = torch.cat([self.region(cat[:, 0]), self.contract(cat[:, 1]), num], dim=-1)
        return self.body(z)


def smoothed_bce(logits, labels, eps=0.02):
    soft = labels * (1 - eps) + 0.5 * eps
    return (F.softplus(logits) - soft * logits).mean()


net = ChurnNet()
optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=1e-2)

for epoch in range(20):
    for cb, nb, yb in train_loader:
        logits = net(cb, nb)
        loss = smoothed_bce(logits, yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        val_logits = net(cat[2000:], num[2000:])
        hit = ((val_logits.flatten() > 0) == (target[2000:] > 0.5)).float().mean().item()
    print(f"{epoch:02d}  loss={loss.item():.4f}  val_acc={hit:.4f}")

print(f"done, validation accuracy = {hit:.4f}")
