"""Message passing on random graphs: predict a charge for every node of a molecule-like graph."""
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(12)
rng = np.random.default_rng(12)
N_NODES, N_KINDS = 12, 5


def random_graphs(n):
    kinds = rng.integers(0, N_KINDS, (n, N_NODES))
    adj = np.zeros((n, N_NODES, N_NODES), dtype=np.float32)
    for g in range(n):
        for i in range(1, N_NODES):
            j = rng.integers(max(0, i - 4), i)
            adj[g, i, j] = adj[g, j, i] = 1
        for _ in range(3):
            i, j = rng.choice(N_NODES, 2, replace=False)
            adj[g, i, j] = adj[g, j, i] = 1
    pull = np.array([-1.2, -0.4, 0.1, 0.7, 1.5])
    e = pull[kinds]
    # charge: differences of pull along bonds, passed on once more to the neighbours
    first = np.tanh((adj * (e[:, None, :] - e[:, :, None])).sum(2))
    degree = adj.sum(2)
    charge = first - 0.6 * (adj @ first[..., None])[..., 0] / degree
    return torch.tensor(kinds), torch.tensor(adj), torch.tensor(charge, dtype=torch.float32)


class MessageLayer(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.own = nn.Linear(dim, dim)
        self.neighbours = nn.Linear(dim, dim)

    def forward(self, h, adj):
        return F.relu(self.own(h) + self.neighbours(adj @ h) / 2)


class ChargeModel(nn.Module):
    def __init__(self, dim=16, depth=3):
        super().__init__()
        self.embed = nn.Embedding(N_KINDS, dim)
        self.layers = [MessageLayer(dim) for _ in range(depth)]
        self.readout = nn.Linear(dim, 1)

    def forward(self, kinds, adj):
        h = self.embed(kinds)
        for layer in self.layers:
            h = layer(h, adj)
        return self.readout(h).squeeze(-1)


class Trainer:
    def __init__(self, model, lr):
        self.model = model
        self.optimizer = torch.optim.Adam(model.parameters(), lr=lr)
        self.history = []

    def fit(self, data, epochs, batch=32):
        kinds, adj, charge = data
        for epoch in range(epochs):
            losses = []
            for idx in torch.randperm(len(kinds)).split(batch):
                loss = F.smooth_l1_loss(self.model(kinds[idx], adj[idx]), charge[idx])
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
                losses.append(loss.item())
            self.history.append(np.mean(losses))
            print(f"epoch {epoch:02d} loss {self.history[-1]:.4f}")

    @torch.no_grad()
    def r2(self, data):
        kinds, adj, charge = data
        rest = (self.model(kinds, adj) - charge).pow(2).mean()
        return (1 - rest / charge.var()).item()


train, test = random_graphs(900), random_graphs(300)
trainer = Trainer(ChargeModel(), lr=3e-3)
trainer.fit(train, epochs=12)
print(f"train R2 {trainer.r2(train):.3f}")
print(f"test R2 {trainer.r2(test):.3f}")
