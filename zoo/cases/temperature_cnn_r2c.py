import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


def make_series(hours, rng):
    """Hourly air temperature: season, day and night, slow weather."""
    t = np.arange(hours)
    weather = np.zeros(hours)
    for i in range(1, hours):
        weather[i] = 0.97 * weather[i - 1] + rng.normal(0, 0.35)
    return 10 + 8 * np.sin(2 * np.pi * t / 8760) + 4 * np.sin(2 * np.pi * t / 24) + weather


def windows(series, past=48, ahead=6):
    xs, ys = [], []
    for i in range(past, len(series) - ahead):
        xs.append(series[i - past:i])
        ys.append(series[i - 1 + ahead] - series[i - 1])
    return np.array(xs), np.array(ys)


class Forecaster(nn.Module):
    """How much warmer will it be in six hours?"""

    def __init__(self, channels=16):
        super().__init__()
        self.conv1 = nn.Conv1d(1, channels, kernel_size=7, stride=2)
        self.conv2 = nn.Conv1d(channels, channels, kernel_size=5, stride=2)
        self.hidden = nn.Linear(channels * 9, 32)
        self.out = nn.Linear(32, 1)

    def forward(self, x):
        x = F.relu(self.conv1(x.unsqueeze(1)))
        x = F.relu(self.conv2(x))
        x = F.relu(self.hidden(x.flatten(1)))
        x = F.relu(self.out(x))
        return x.squeeze(1)


def main():
    rng = np.random.default_rng(11)
    torch.manual_seed(11)
    x, y = windows(make_series(3000, rng))
    cut = 2300
    mean, std, y_std = x[:cut].mean(), x[:cut].std(), y[:cut].std()
    x = torch.tensor((x - mean) / std, dtype=torch.float32)
    y = torch.tensor(y / y_std, dtype=torch.float32)

    model = Forecaster()
    opt = torch.optim.Adam(model.parameters(), lr=1e-3)
    for epoch in range(20):
        model.train()
        order = rng.permutation(cut)
        epoch_loss = 0.0
        for k in range(0, cut, 50):
            rows = order[k:k + 50]
            loss = F.mse_loss(model(x[rows]), y[rows])
            opt.zero_grad()
            loss.backward()
            opt.step()
            epoch_loss += loss.item() * len(rows)
        model.eval()
        with torch.no_grad():
            held_out = F.mse_loss(model(x[cut:]), y[cut:]).item()
        print(f"{epoch:2d} | train {epoch_loss / cut:.4f} | held out {held_out:.4f}")

    with torch.no_grad():
        error = (model(x[cut:]) - y[cut:]).pow(2).mean()
        skill = 1 - error / y[cut:].var()
        mae = (model(x[cut:]) - y[cut:]).abs().mean() * y_std
    print(f"mean absolute error {mae:.2f} degrees")
    print(f"skill: {skill:.3f}")


if __name__ == "__main__":
    main()
