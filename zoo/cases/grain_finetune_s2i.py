"""Near-infrared grain analysis: pretrain on the old instrument, then fine-tune to oil on the new one."""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(29)
rng = np.random.default_rng(29)

BANDS = 64
wave = np.linspace(0, 1, BANDS)
# position and width of the absorption bands of moisture, protein, starch, oil
LINES = [(0.25, 0.05), (0.45, 0.06), (0.62, 0.08), (0.78, 0.05)]


def spectra(n, shift=0.0, gain=1.0):
    share = rng.uniform(0.2, 1.0, (n, 4))
    absorb = sum(share[:, [k]] * np.exp(-((wave - c - shift) / w) ** 2) for k, (c, w) in enumerate(LINES))
    absorb = absorb + rng.uniform(0.0, 0.3, (n, 1)) + rng.uniform(-0.3, 0.3, (n, 1)) * wave
    light = gain * np.exp(-absorb) + 0.004 * rng.standard_normal((n, BANDS))
    energy = share @ [0.0, 0.8, 1.0, 1.8]
    return light, np.column_stack([share, energy])


def tensors(x, y):
    return torch.tensor(x, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)


class Backbone(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv1d(1, 8, 9, stride=2, padding=4), nn.GELU(),
            nn.Conv1d(8, 16, 5, stride=2, padding=2), nn.GELU(),
            nn.Flatten(),
            nn.Linear(16 * BANDS // 4, 48), nn.GELU(),
        )

    def forward(self, x):
        return self.body(x.unsqueeze(1))


def train(model, data, params, lr, epochs, label):
    opt = torch.optim.Adam(params, lr=lr)
    loader = DataLoader(TensorDataset(*data["train"]), batch_size=32, shuffle=True)
    for epoch in range(epochs):
        total = 0.0
        for xb, yb in loader:
            loss = nn.functional.mse_loss(model(xb), yb)
            opt.zero_grad()
            loss.backward()
            opt.step()
            total += loss.item() * len(xb)
        print(f"{label} {epoch + 1:2d}: train {total / len(loader.dataset):.4f}, held out r2 {score(model, data):.4f}")


@torch.no_grad()
def score(model, data):
    x, y = data["test"]
    return (1 - (model(x) - y).pow(2).sum() / (y - y.mean(0)).pow(2).sum()).item()


def dataset(n, n_test, columns, **kw):
    light, values = spectra(n + n_test, **kw)
    y = values[:, columns]
    light = (light - light[:n].mean(0)) / light[:n].std(0)
    y = (y - y[:n].mean(0)) / y[:n].std(0)
    x, y = tensors(light, y)
    return {"train": (x[:n], y[:n]), "test": (x[n:], y[n:])}


old = dataset(2000, 400, [0, 1, 2, 4])
new = dataset(800, 400, [3], shift=0.02, gain=0.8)

backbone = Backbone()
pretrain = nn.Sequential(backbone, nn.Linear(48, 4))
train(pretrain, old, pretrain.parameters(), lr=2e-3, epochs=5, label="pretrain")

model = nn.Sequential(backbone, nn.Linear(48, 1))
for p in backbone.parameters():
    p.requires_grad_(False)
train(model, new, model[1].parameters(), lr=5e-3, epochs=8, label="head    ")

for p in backbone.parameters():
    p.requires_grad_(True)
groups = [{"params": backbone.parameters(), "lr": 5e-4}, {"params": model[1].parameters()}]
train(model, new, groups, lr=1e-3, epochs=8, label="all     ")

print(f"oil r2: {score(model, new):.4f}")
