"""Two-tower rating model: readers x books."""
import numpy as np
import torch
from torch import nn, optim

torch.manual_seed(64)
rng = np.random.default_rng(64)

N_READERS, N_BOOKS, TASTES = 150, 120, 3
taste = rng.normal(size=(N_READERS, TASTES))
theme = rng.normal(size=(N_BOOKS, TASTES))
reader = rng.integers(N_READERS, size=9000)
book = rng.integers(N_BOOKS, size=9000)
stars = 3.2 + 0.55 * (taste[reader] * theme[book]).sum(1) + 0.25 * rng.normal(size=9000)

reader, book = torch.tensor(reader), torch.tensor(book)
stars = torch.tensor(stars, dtype=torch.float32)
fit, held = slice(0, 7500), slice(7500, None)


class TwoTower(nn.Module):
    def __init__(self, dim=8, out=8):
        super().__init__()
        self.tables = {"reader": nn.Embedding(N_READERS, dim), "book": nn.Embedding(N_BOOKS, dim)}
        self.reader_tower = nn.Sequential(nn.Linear(dim, 32), nn.Tanh(), nn.Linear(32, out))
        self.book_tower = nn.Sequential(nn.Linear(dim, 32), nn.Tanh(), nn.Linear(32, out))
        self.offset = nn.Parameter(torch.zeros(1))

    def forward(self, r, b):
        u = self.reader_tower(self.tables["reader"](r))
        v = self.book_tower(self.tables["book"](b))
        return self.offset + (u * v).sum(dim=-1)


class Trainer:
    def __init__(self, model, lr):
        self.model = model
        self.opt = optim.Adam(model.parameters(), lr=lr)
        self.mse = nn.MSELoss()

    def step(self, rows):
        self.opt.zero_grad()
        loss = self.mse(self.model(reader[fit][rows], book[fit][rows]), stars[fit][rows])
        loss.backward()
        self.opt.step()
        return loss.detach()

    @torch.no_grad()
    def held_out(self):
        guess = self.model(reader[held], book[held])
        error = self.mse(guess, stars[held])
        return error.item(), (1 - error / stars[held].var()).item()

    def run(self, epochs, batch):
        for e in range(1, epochs + 1):
            rows = torch.randperm(7500).split(batch)
            mean = sum(self.step(r) for r in rows) / len(rows)
            error, r2 = self.held_out()
            if e % 4 == 0:
                print(f"{e:>3}  fit {mean:.4f}  held-out {error:.4f}  R2 {r2:.4f}")


Trainer(TwoTower(), lr=8e-3).run(epochs=28, batch=128)
