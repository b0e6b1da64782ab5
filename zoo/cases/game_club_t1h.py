"""Which board game should we put on the table?  Matrix factorisation of the club's scores."""
import numpy as np
import torch
from torch import nn

torch.manual_seed(12)
rng = np.random.default_rng(12)

N_MEMBERS, N_GAMES, TASTES = 200, 120, 3

member_taste = rng.normal(0, 0.75, (N_MEMBERS, TASTES))
game_style = rng.normal(0, 0.75, (N_GAMES, TASTES))
mood = rng.normal(0, 0.5, N_MEMBERS)
quality = rng.normal(0, 0.8, N_GAMES)
full = 6.5 + mood[:, None] + quality[None, :] + member_taste @ game_style.T

played = np.argwhere(rng.random((N_MEMBERS, N_GAMES)) < 0.75)
rng.shuffle(played)
scores = full[played[:, 0], played[:, 1]] + rng.normal(0, 0.5, len(played))

split = int(0.85 * len(played))
pairs = torch.tensor(played)
scores = torch.tensor(scores, dtype=torch.float32)
centre = scores[:split].mean()


class ClubModel(nn.Module):
    def __init__(self, dim=3):
        super().__init__()
        self.member = nn.Embedding(N_MEMBERS, dim)
        self.game = nn.Embedding(N_GAMES, dim)
        self.member_bias = nn.Embedding(N_MEMBERS, 1)
        self.game_bias = nn.Embedding(N_GAMES, 1)
        for table in (self.member, self.game):
            nn.init.normal_(table.weight, std=0.3)
        for table in (self.member_bias, self.game_bias):
            nn.init.zeros_(table.weight)

    def forward(self, m, g):
        match = (self.member(m) * self.game(g)).sum(-1)
        return centre + match + self.member_bias(m).squeeze(-1) + self.game_bias(g).squeeze(-1)


def rmse(model, rows):
    with torch.no_grad():
        guess = model(pairs[rows, 0], pairs[rows, 1])
    return (guess - scores[rows]).square().mean().sqrt().item()


model = ClubModel()
optimizer = torch.optim.AdamW(model.parameters(), lr=0.03, weight_decay=0.05)
scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=1.0, end_factor=0.05, total_iters=20)
train_rows, test_rows = torch.arange(split), torch.arange(split, len(played))

for epoch in range(20):
    for rows in torch.randperm(split).split(256):
        guess = model(pairs[rows, 0], pairs[rows, 1])
        loss = nn.functional.mse_loss(guess, scores[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    scheduler.step()
    print(f"round {epoch + 1:2d}  train rmse {rmse(model, train_rows):.3f}  test rmse {rmse(model, test_rows):.3f}")

print(f"test RMSE in points: {rmse(model, test_rows):.3f}  (spread of the scores {scores.std():.2f})")
