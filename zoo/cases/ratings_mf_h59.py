import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

np.random.seed(101)
torch.manual_seed(101)

# simulated ratings: 300 users, 120 films, 3 hidden tastes
n_users, n_items = 300, 120
taste, genre = np.random.randn(n_users, 3), np.random.randn(n_items, 3)
user_bias, item_bias = 0.3 * np.random.randn(n_users), 0.5 * np.random.randn(n_items)
full = 3.5 + 0.5 * taste @ genre.T + user_bias[:, None] + item_bias[None] + 0.3 * np.random.randn(n_users, n_items)
seen = np.argwhere(np.random.rand(n_users, n_items) < 0.35)
np.random.shuffle(seen)
users, items = torch.tensor(seen[:, 0]), torch.tensor(seen[:, 1])
ratings = torch.tensor(full[seen[:, 0], seen[:, 1]], dtype=torch.float32)
n = int(0.85 * len(seen))
train = TensorDataset(users[:n], items[:n], ratings[:n])


class MatrixFactorization(nn.Module):
    def __init__(self, n_users, n_items, k, mean):
        super().__init__()
        self.user = nn.Embedding(n_users, k)
        self.item = nn.Embedding(n_items, k)
        self.user_b = nn.Embedding(n_users, 1)
        self.item_b = nn.Embedding(n_items, 1)
        self.mean = nn.Parameter(torch.tensor(mean))
        for e in (self.user, self.item):
            nn.init.normal_(e.weight, std=0.3)
        for e in (self.user_b, self.item_b):
            nn.init.zeros_(e.weight)

    def forward(self, u, i):
        dot = (self.user(u) * self.item(i)).sum(-1)
        return self.mean + dot + self.user_b(u).squeeze(-1) + self.item_b(i).squeeze(-1)


model = MatrixFactorization(n_users, n_items, 4, ratings[:n].mean().item())
optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=2e-5)
for epoch in range(16):
    se = 0.0
    for u, i, r in DataLoader(train, batch_size=256, shuffle=True):
        loss = ((model(u, i) - r) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        se += loss.item() * len(r)
    with torch.no_grad():
        rmse = (model(users[n:], items[n:]) - ratings[n:]).pow(2).mean().sqrt().item()
    print(f"epoch {epoch + 1}: train rmse {(se / n) ** 0.5:.3f}, test rmse {rmse:.3f}")
print(f"test rmse: {rmse:.4f}   (noise 0.3, spread {ratings.std():.3f})")
