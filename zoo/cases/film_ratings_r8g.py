"""Predict film ratings from viewer and film ids (neural collaborative filtering)."""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset, random_split

VIEWERS, FILMS, TASTES = 60, 50, 2


def load_ratings():
    taste = torch.randn(VIEWERS, TASTES)
    style = torch.randn(FILMS, TASTES)
    mood = 0.4 * torch.randn(FILMS)
    rating = taste @ style.T / TASTES ** 0.5 + mood + 0.15 * torch.randn(VIEWERS, FILMS)
    rating = (rating - rating.mean()) / rating.std()
    u, v = torch.meshgrid(torch.arange(VIEWERS), torch.arange(FILMS), indexing="ij")
    return TensorDataset(u.reshape(-1), v.reshape(-1), rating.reshape(-1))


class RatingModel(nn.Module):
    def __init__(self, dim=6, hidden=48):
        super().__init__()
        self.viewer = nn.Embedding(VIEWERS, dim)
        self.film = nn.Embedding(FILMS, dim)
        self.mlp = nn.Sequential(
            nn.Linear(2 * dim, hidden), nn.ReLU(),
            nn.Linear(hidden, hidden), nn.ReLU(),
            nn.Linear(hidden, 1),
        )

    def forward(self, u, v):
        pair = torch.cat([self.viewer(u), self.film(v)], dim=-1)
        return self.mlp(pair).squeeze(-1)


def init_weights(m):
    if isinstance(m, nn.Linear):
        nn.init.constant_(m.weight, 0.05)
        nn.init.zeros_(m.bias)
    elif isinstance(m, nn.Embedding):
        nn.init.normal_(m.weight, std=0.5)


def rmse(model, loader):
    err = n = 0
    model.eval()
    with torch.no_grad():
        for u, v, r in loader:
            err += ((model(u, v) - r) ** 2).sum().item()
            n += len(r)
    return (err / n) ** 0.5


torch.manual_seed(77)
data = load_ratings()
train_data, test_data = random_split(data, [2400, 600])
train_loader = DataLoader(train_data, batch_size=64, shuffle=True)
test_loader = DataLoader(test_data, batch_size=600)

model = RatingModel()
model.apply(init_weights)
opt = torch.optim.Adam(model.parameters(), lr=3e-3, weight_decay=1e-4)
loss_fn = nn.MSELoss()

for epoch in range(1, 31):
    model.train()
    for u, v, r in train_loader:
        opt.zero_grad()
        loss = loss_fn(model(u, v), r)
        loss.backward()
        opt.step()
    if epoch % 5 == 0:
        print(f"epoch {epoch}: train RMSE {rmse(model, train_loader):.3f}, test RMSE {rmse(model, test_loader):.3f}")

print(f"held-out RMSE = {rmse(model, test_loader):.3f}")
