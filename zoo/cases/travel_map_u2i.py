"""Draw a map from travel times: one vector per town, distance between vectors = time between towns."""
import numpy as np
import torch
import torch.nn.functional as F

TOWNS, DIM, BATCH, EPOCHS = 120, 4, 64, 16

rng = np.random.default_rng(5)
torch.manual_seed(5)

# true geography: two coordinates and the altitude (climbing costs time as well), times in minutes
position = np.column_stack([rng.uniform(0, 100, (TOWNS, 2)), 25 * rng.random(TOWNS)])
a, b = np.triu_indices(TOWNS, k=1)
minutes = np.linalg.norm(position[a] - position[b], axis=1) + rng.normal(0, 2.0, len(a))

shuffle = rng.permutation(len(a))
n_test = len(a) // 5
pairs = torch.tensor(np.column_stack([a, b])[shuffle])
times = torch.tensor(minutes[shuffle], dtype=torch.float32)
unit = times[n_test:].mean()
times = times / unit
test_pairs, test_times = pairs[:n_test], times[:n_test]
train_pairs, train_times = pairs[n_test:], times[n_test:]


class TownMap(torch.nn.Module):
    def __init__(self, towns, dim):
        super().__init__()
        self.where = torch.nn.Embedding(towns, dim, sparse=True)
        torch.nn.init.normal_(self.where.weight, std=0.3)

    def forward(self, pair):
        start, end = self.where(pair[:, 0]), self.where(pair[:, 1])
        return ((start - end).pow(2).sum(1) + 1e-6).sqrt()


town_map = TownMap(TOWNS, DIM)
optimizer = torch.optim.SparseAdam(town_map.parameters(), lr=0.02)
schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.85)

for epoch in range(1, EPOCHS + 1):
    total = 0.0
    for rows in torch.randperm(len(train_pairs)).split(BATCH):
        loss = F.mse_loss(town_map(train_pairs[rows]), train_times[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(rows)
    schedule.step()
    with torch.no_grad():
        off = (town_map(test_pairs) - test_times).abs().mean() * unit
    if epoch % 2 == 0:
        print(f"epoch {epoch:2d}  train loss {total / len(train_pairs):.5f}  test error {off:.2f} min")

with torch.no_grad():
    left = (town_map(test_pairs) - test_times).pow(2).mean() / test_times.var()
print(f"test R2: {1 - left.item():.4f}")
