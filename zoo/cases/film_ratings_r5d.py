import numpy as np
import torch
import torch.nn as nn

N_USERS, N_FILMS, N_RATINGS = 400, 250, 24000


def make_ratings():
    rng = np.random.default_rng(21)
    taste = rng.normal(0, 1, (N_USERS, 3))
    style = rng.normal(0, 1, (N_FILMS, 3))
    u = rng.integers(0, N_USERS, N_RATINGS)
    f = rng.integers(0, N_FILMS, N_RATINGS)
    stars = (
        3.4
        + rng.normal(0, 0.5, N_USERS)[u]
        + rng.normal(0, 0.6, N_FILMS)[f]
        + 0.4 * (taste[u] * style[f]).sum(1)
        + rng.normal(0, 0.3, N_RATINGS)
    )
    return torch.from_numpy(u), torch.from_numpy(f), torch.from_numpy(stars).float()


class Recommender(nn.Module):
    def __init__(self, dim=3):
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(1))
        self.user_bias = nn.Embedding(N_USERS, 1)
        self.film_bias = nn.Embedding(N_FILMS, 1)
        self.user_vec = nn.Embedding(N_USERS, dim)
        self.film_vec = nn.Embedding(N_FILMS, dim)
        nn.init.zeros_(self.user_bias.weight)
        nn.init.zeros_(self.film_bias.weight)
        nn.init.normal_(self.user_vec.weight, std=0.3)
        nn.init.normal_(self.film_vec.weight, std=0.3)

    def forward(self, u, f):
        bias = self.user_bias(u).squeeze(1) + self.film_bias(f).squeeze(1)
        return self.mean + bias + (self.user_vec(u) * self.film_vec(f)).sum(1)


torch.manual_seed(21)
users, films, stars = make_ratings()
cut = int(0.85 * N_RATINGS)

model = Recommender()
optimizer = torch.optim.SGD(model.parameters(), lr=0.5)

for epoch in range(25):
    shuffled = torch.randperm(cut)
    se = 0.0
    for start in range(0, cut, 512):
        rows = shuffled[start:start + 512]
        pred = model(users[rows], films[rows])
        loss = ((pred - stars[rows]) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        se += loss.item() * len(rows)
    with torch.no_grad():
        held = (model(users[cut:], films[cut:]) - stars[cut:]).pow(2).mean().sqrt().item()
    print(f"epoch {epoch:2d}   rmse train {(se / cut) ** 0.5:.3f}   rmse held out {held:.3f}")

print("held-out RMSE:", round(held, 4))
