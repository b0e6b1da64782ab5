import argparse

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

p = argparse.ArgumentParser(description="Mackey-Glass forecasting with a temporal convolutional net")
p.add_argument("--window", type=int, default=64)
p.add_argument("--horizon", type=int, default=12)
p.add_argument("--channels", type=int, default=24)
p.add_argument("--epochs", type=int, default=6)
p.add_argument("--batch", type=int, default=64)
p.add_argument("--lr", type=float, default=0.2)
p.add_argument("--wd", type=float, default=1e-4)
args = p.parse_args([])

torch.manual_seed(8)
rng = np.random.default_rng(8)


def mackey_glass(n, tau=17, beta=0.2, gamma=0.1, power=10, burn=300):
    x = list(1.2 + 0.1 * rng.standard_normal(tau + 1))
    for _ in range(n + burn):
        x.append(x[-1] + beta * x[-tau - 1] / (1 + x[-tau - 1] ** power) - gamma * x[-1])
    return np.array(x[-n:])


series = mackey_glass(3400) + 0.005 * rng.standard_normal(3400)
series = (series - series[:2400].mean()) / series[:2400].std()


def windows(s):
    w = np.lib.stride_tricks.sliding_window_view(s, args.window + args.horizon)
    return (torch.tensor(w[:, None, :args.window].copy(), dtype=torch.float32),
            torch.tensor(w[:, -1].copy(), dtype=torch.float32))


train = TensorDataset(*windows(series[:2400]))
x_test, y_test = windows(series[2400:])


class CausalBlock(nn.Module):
    def __init__(self, c_in, c_out, dilation):
        super().__init__()
        self.pad = 2 * dilation
        self.conv = nn.Conv1d(c_in, c_out, 3, dilation=dilation)
        self.skip = nn.Conv1d(c_in, c_out, 1) if c_in != c_out else nn.Identity()

    def forward(self, x):
        return self.skip(x) + F.relu(self.conv(F.pad(x, (self.pad, 0))))


class TCN(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.blocks = nn.Sequential(*[CausalBlock(1 if d == 1 else channels, channels, d) for d in (1, 2, 4, 8, 16)])
        self.head = nn.Linear(channels, 1)

    def forward(self, x):
        return self.head(self.blocks(x)[:, :, -1]).squeeze(1)


model = TCN(args.channels)
optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=args.wd)
loader = DataLoader(train, batch_size=args.batch, shuffle=True)

for epoch in range(1, args.epochs + 1):
    losses = []
    for xb, yb in loader:
        loss = F.mse_loss(model(xb), yb)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        test_mse = F.mse_loss(model(x_test), y_test).item()
    print(f"epoch {epoch:>2} | train mse {np.mean(losses):8.4f} | test mse {test_mse:8.4f}")

nrmse = (test_mse / y_test.var().item()) ** 0.5
print(f"{args.horizon}-step NRMSE {nrmse:.4f}")
