import numpy as np
import torch
from torch import nn

np.random.seed(2)
torch.manual_seed(2)

# two superposed sines with a bit of measurement noise
t = np.arange(1500) * 0.1
series = np.sin(t) + 0.5 * np.sin(2.3 * t + 1) + 0.05 * np.random.randn(len(t))
series = torch.tensor(series, dtype=torch.float32)
split = 1200
L = 20


def windows(s):
    x = s.unfold(0, L + 1, 1)
    return x[:, :L, None], x[:, L:]


xtr, ytr = windows(series[:split])
xte, yte = windows(series[split:])


class Forecaster(nn.Module):
    def __init__(self, hidden=24):
        super().__init__()
        self.gru = nn.GRU(1, hidden, batch_first=True)
        self.read_out = nn.Linear(hidden, 1)

    def forward(self, x):
        _, h = self.gru(x)
        return self.read_out(h[-1])


net = Forecaster()
opt = torch.optim.Adam(net.parameters(), lr=0.01)
# walk through the series in time order, one window block after another
for epoch in range(12):
    tot = 0.0
    for i in range(0, len(xtr), 48):
        pred = net(xtr[i:i + 48])
        loss = (pred - ytr[i:i + 48]).pow(2).mean()
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        opt.step()
        tot += loss.item() * len(pred)
    print(f"epoch {epoch:2d} mse {tot / len(xtr):.4f}")

with torch.no_grad():
    mse = ((net(xte) - yte) ** 2).mean()
    r2 = 1 - mse / yte.var()
print(f"test mse {mse:.4f}  R2 = {r2:.4f}")
