"""Matrix factorisation with biases on simulated star ratings."""
import math

import numpy as np
import torch
import torch.nn as nn

np.random.seed(3)
torch.manual_seed(3)

N_USERS, N_ITEMS, RANK, N_RATINGS = 250, 180, 3, 18000

user_taste = np.random.randn(N_USERS, RANK)
item_traits = np.random.randn(N_ITEMS, RANK)
user_mood = 0.3 * np.random.randn(N_USERS)
item_quality = 0.5 * np.random.randn(N_ITEMS)

u = np.random.randint(0, N_USERS, N_RATINGS)
i = np.random.randint(0, N_ITEMS, N_RATINGS)
stars = 3.0 + user_mood[u] + item_quality[i] + 0.6 * (user_taste[u] * item_traits[i]).sum(1)
stars = stars + 0.2 * np.random.randn(N_RATINGS)

users, items = torch.as_tensor(u), torch.as_tensor(i)
ratings = torch.as_tensor(stars, dtype=torch.float32)
cut = int(0.85 * N_RATINGS)


class MatrixFactorization(nn.Module):
    def __init__(self, n_users, n_items, dim):
        super().__init__()
        self.P = nn.Embedding(n_users, dim)
        self.Q = nn.Embedding(n_items, dim)
        self.bu = nn.Embedding(n_users, 1)
        self.bi = nn.Embedding(n_items, 1)
        self.mean = nn.Parameter(torch.tensor(3.0))
        nn.init.normal_(self.P.weight, std=0.3)
        nn.init.normal_(self.Q.weight, std=0.3)
        nn.init.zeros_(self.bu.weight)
        nn.init.zeros_(self.bi.weight)

    def forward(self, user, item):
        dot = (self.P(user) * self.Q(item)).sum(-1)
        return self.mean + self.bu(user).squeeze(-1) + self.bi(item).squeeze(-1) + dot


def rmse(model, sl):
    with torch.no_grad():
        return math.sqrt(((model(users[sl], items[sl]) - ratings[sl]) ** 2).mean().item())


train_part, test_part = slice(0, cut), slice(cut, None)
model = MatrixFactorization(N_USERS, N_ITEMS, dim=4)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.97)
loss_fn = nn.MSELoss()

for epoch in range(15):
    shuffled = torch.randperm(cut)
    for start in range(0, cut, 128):
        b = shuffled[start:start + 128]
        optimizer.zero_grad()
        loss = loss_fn(model(users[b], items[b]), ratings[b])
        loss.backward()
        optimizer.step()
        scheduler.step()
    print(f"epoch {epoch + 1:2d}: train RMSE {rmse(model, train_part):.3f}, test RMSE {rmse(model, test_part):.3f}")

print(f"RMSE on held-out ratings: {rmse(model, test_part):.3f}")
