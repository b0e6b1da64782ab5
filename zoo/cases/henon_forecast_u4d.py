import numpy as np
import torch
import torch.nn as nn

torch.manual_seed(21)
rng = np.random.default_rng(21)


def henon(n, a=1.4, b=0.3, skip=200):
    x, y = rng.uniform(-0.1, 0.1, size=2)
    track = []
    for _ in range(n + skip):
        x, y = 1 - a * x * x + y, b * x
        track.append(x)
    return np.array(track[skip:])


series = henon(3000) + rng.normal(0, 0.01, 3000)
LAGS = 4
windows = np.lib.stride_tricks.sliding_window_view(series, LAGS + 1)
X = torch.tensor(windows[:, :LAGS].copy(), dtype=torch.float32)
Y = torch.tensor(windows[:, LAGS:].copy(), dtype=torch.float32)
cut = 2400
Xtr, Ytr, Xte, Yte = X[:cut], Y[:cut], X[cut:], Y[cut:]


class Forecaster(nn.Module):
    def __init__(self, lags, hidden=40):
        super().__init__()
        self.inp = nn.Linear(lags, hidden)
        self.mid = nn.Linear(hidden, hidden)
        self.out = nn.Linear(hidden, 1)
        self.drop = nn.Dropout(0.0)

    def forward(self, w):
        h = self.drop(self.inp(w))
        h = self.drop(self.mid(h))
        return self.out(h)


f = Forecaster(LAGS)
opt = torch.optim.RMSprop(f.parameters(), lr=1e-3)
loss_fn = nn.L1Loss()

for ep in range(25):
    f.train()
    for b in torch.randperm(cut).split(48):
        opt.zero_grad()
        loss_fn(f(Xtr[b]), Ytr[b]).backward()
        opt.step()
    f.eval()
    with torch.no_grad():
        if (ep + 1) % 5 == 0:
            print(f"{ep + 1:3d}  train MAE {loss_fn(f(Xtr), Ytr):.4f}   test MAE {loss_fn(f(Xte), Yte):.4f}")

with torch.no_grad():
    print(f"one-step MAE on the test part: {loss_fn(f(Xte), Yte):.4f} (series std {series.std():.3f})")
