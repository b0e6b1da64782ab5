"""Short-term load forecasting: the last 48 hours -> load of the next hour."""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

WINDOW = 48
HIDDEN = 32
EPOCHS = 6

torch.manual_seed(42)
rng = np.random.default_rng(42)


def make_load(hours=3200):
    t = np.arange(hours)
    daily = 1.4 * np.sin(2 * np.pi * t / 24) + 0.6 * np.sin(4 * np.pi * t / 24 + 0.8)
    weekly = 0.9 * np.sin(2 * np.pi * t / 168)
    weather = np.zeros(hours)
    for i in range(1, hours):
        weather[i] = 0.97 * weather[i - 1] + 0.2 * rng.standard_normal()
    return 42.0 + 6.0 * (daily + weekly + weather)


load = make_load()
n_train = 2500
mu, sd = load[:n_train].mean(), load[:n_train].std()
series = torch.tensor((load - mu) / sd, dtype=torch.float32)

windows = series.unfold(0, WINDOW, 1)[:-1].unsqueeze(-1)
target = series[WINDOW:].unsqueeze(-1)
train = TensorDataset(windows[:n_train - WINDOW], target[:n_train - WINDOW])
test_x, test_y = windows[n_train:], target[n_train:]


class LoadForecaster(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(1, HIDDEN, batch_first=True)
        self.head = nn.Sequential(
            nn.Linear(HIDDEN, 16),
            nn.ReLU(),
            nn.Linear(16, 1),
            nn.Sigmoid(),
        )

    def forward(self, x):
        _, h = self.gru(x)
        return self.head(h[-1])


forecaster = LoadForecaster()
opt = torch.optim.Adam(forecaster.parameters(), lr=3e-3)
mse = nn.MSELoss()

for epoch in range(EPOCHS):
    forecaster.train()
    running = 0.0
    for xb, yb in DataLoader(train, batch_size=32, shuffle=True):
        opt.zero_grad()
        loss = mse(forecaster(xb), yb)
        loss.backward()
        opt.step()
        running += loss.item() * len(xb)
    forecaster.eval()
    with torch.no_grad():
        val = mse(forecaster(test_x), test_y).item()
    print(f"[{epoch + 1}/{EPOCHS}] train mse {running / len(train):.4f}   test mse {val:.4f}")

with torch.no_grad():
    pred = forecaster(test_x)
    r2 = 1 - ((pred - test_y) ** 2).sum() / ((test_y - test_y.mean()) ** 2).sum()
    mae = (pred - test_y).abs().mean() * sd
print(f"test MAE: {mae:.2f} MW")
print(f"test R2: {r2:.3f}")
