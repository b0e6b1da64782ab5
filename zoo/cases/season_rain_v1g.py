"""Harvest from the season's daily rain record. A hand-rolled recurrent cell."""
import torch
from torch import nn


class Cell(nn.Module):
    def __init__(self, inputs, hidden):
        super().__init__()
        self.w_in = nn.Parameter(torch.empty(inputs, hidden))
        self.w_rec = nn.Parameter(torch.empty(hidden, hidden))
        self.bias = nn.Parameter(torch.zeros(hidden))
        nn.init.normal_(self.w_in, std=0.15)
        nn.init.normal_(self.w_rec, std=0.02)

    def forward(self, x, h):
        return torch.tanh(x @ self.w_in + h @ self.w_rec + self.bias)


class SeasonNet(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.hidden = hidden
        self.cell = Cell(1, hidden)
        self.read = nn.Linear(hidden, 1)

    def forward(self, series):
        h = series.new_zeros(series.shape[0], self.hidden)
        for day in range(series.shape[1]):
            h = self.cell(series[:, day, None], h)
        return self.read(h).squeeze(1)


def sample(n, days=20, sowing=4):
    # a rain anomaly per day; the harvest hangs on the first days, the rest is weather
    rain = torch.randn(n, days)
    harvest = rain[:, :sowing].sum(1) / sowing ** 0.5
    return rain, harvest + 0.05 * torch.randn(n)


def r_squared(model, x, y):
    with torch.no_grad():
        return 1 - ((model(x) - y) ** 2).mean().item() / y.var().item()


torch.manual_seed(40)
train_x, train_y = sample(1600)
test_x, test_y = sample(400)
model = SeasonNet()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

for epoch in range(1, 16):
    order = torch.randperm(len(train_x))
    for start in range(0, len(order), 32):
        rows = order[start:start + 32]
        loss = nn.functional.mse_loss(model(train_x[rows]), train_y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch:2d}  last loss {loss.item():.4f}  R2 on test {r_squared(model, test_x, test_y):.4f}")
