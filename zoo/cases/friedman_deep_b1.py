"""Surrogate for an expensive simulator with five inputs."""
import torch
import torch.nn as nn
from sklearn.datasets import make_friedman1
from torch.utils.data import DataLoader, TensorDataset


class Surrogate(nn.Module):
    def __init__(self, d_in=5, width=64, depth=4):
        super().__init__()
        self.inp = nn.Linear(d_in, width)
        self.blocks = nn.ModuleList([nn.Linear(width, width) for _ in range(depth - 2)])
        self.act = nn.SiLU()
        self.out = nn.Linear(width, 1)

    def forward(self, x):
        h = self.inp(x)
        for block in self.blocks:
            h = block(h)
        return self.out(h)


if __name__ == "__main__":
    torch.manual_seed(0)
    X, y = make_friedman1(n_samples=1000, n_features=5, noise=0.2, random_state=3)
    X = torch.tensor((X - 0.5) / 0.29, dtype=torch.float32)
    y = torch.tensor((y - y[:800].mean()) / y[:800].std(), dtype=torch.float32).unsqueeze(-1)
    train = DataLoader(TensorDataset(X[:800], y[:800]), batch_size=40, shuffle=True)
    model = Surrogate()
    opt = torch.optim.AdamW(model.parameters(), lr=2e-3)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, T_max=40)
    for epoch in range(40):
        model.train()
        total = 0.0
        for xb, yb in train:
            opt.zero_grad()
            loss = nn.functional.mse_loss(model(xb), yb)
            loss.backward()
            opt.step()
            total += loss.item() / len(train)
        sched.step()
        model.eval()
        with torch.no_grad():
            val = nn.functional.mse_loss(model(X[800:]), y[800:]).item()
        print(f"epoch {epoch + 1:2d} train {total:.4f} val {val:.4f}")
    print(f"final val loss {val:.4f}")
