"""Water level in a cistern from the rain record, one value per hour."""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(21)
rng = np.random.default_rng(21)

HOURS = 72
N_TRAIN, N_TEST = 1280, 256


def simulate(n):
    wet = rng.random((n, HOURS)) < 0.25
    rain = np.where(wet, rng.gamma(2.0, 0.5, (n, HOURS)), 0.0)
    tap = 0.5 + 0.5 * np.sin(2 * np.pi * (np.arange(HOURS) + rng.integers(0, 24, (n, 1))) / 24)
    level = np.zeros((n, HOURS))
    h = rng.uniform(0.9, 1.1, n)
    for t in range(HOURS):
        h = h + 0.30 * rain[:, t] - 0.10 * tap[:, t] * h - 0.05 * h
        level[:, t] = h
    x = np.stack([rain, tap], axis=-1)
    return x.astype("float32"), level.astype("float32")


x_train, y_train = simulate(N_TRAIN)
x_test, y_test = simulate(N_TEST)
x_mu, x_sd = x_train.mean((0, 1)), x_train.std((0, 1))
y_mu, y_sd = y_train.mean(), y_train.std()
x_train, x_test = (x_train - x_mu) / x_sd, (x_test - x_mu) / x_sd
y_train, y_test = (y_train - y_mu) / y_sd, (y_test - y_mu) / y_sd

train = DataLoader(TensorDataset(torch.from_numpy(x_train), torch.from_numpy(y_train)),
                   batch_size=32, shuffle=True)
x_test, y_test = torch.from_numpy(x_test), torch.from_numpy(y_test)


class LevelRNN(nn.Module):
    def __init__(self, n_in=2, n_hidden=48):
        super().__init__()
        self.rnn = nn.RNN(n_in, n_hidden, batch_first=True)
        self.out = nn.Linear(n_hidden, 1)
        nn.init.orthogonal_(self.rnn.weight_hh_l0, gain=2.5)
        nn.init.xavier_uniform_(self.rnn.weight_ih_l0)
        nn.init.zeros_(self.rnn.bias_hh_l0)
        nn.init.zeros_(self.rnn.bias_ih_l0)

    def forward(self, x):
        states, _ = self.rnn(x)
        return self.out(states).squeeze(-1)


net = LevelRNN()
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
mse = nn.MSELoss()

for epoch in range(1, 9):
    total = 0.0
    for xb, yb in train:
        opt.zero_grad()
        loss = mse(net(xb), yb)
        loss.backward()
        opt.step()
        total += loss.item() * len(xb)
    with torch.no_grad():
        test = mse(net(x_test), y_test).item()
    print(f"[{epoch}] train mse {total / N_TRAIN:.4f}  test mse {test:.4f}")

print(f"final test mse: {test:.4f}")
