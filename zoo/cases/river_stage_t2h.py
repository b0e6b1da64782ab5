import numpy as np
import torch
import torch.nn as nn
from torch.nn.utils import clip_grad_norm_
from torch.utils.data import DataLoader, Dataset

WINDOW = 16
AHEAD = 3


def simulate_river(hours, rng):
    """Rain falls in showers, fills two stores, and both drain into the river."""
    shower = rng.random(hours) < 0.04
    rain = np.zeros(hours)
    for start in np.flatnonzero(shower):
        length = rng.integers(4, 12)
        shape = np.sin(np.linspace(0.2, np.pi - 0.2, length)) * rng.gamma(2.0, 1.5)
        rain[start:start + length] += shape[: hours - start]
    fast = slow = 0.0
    stage = np.zeros(hours)
    for t in range(hours):
        fast = 0.80 * fast + 0.20 * rain[max(t - 4, 0)]
        slow = 0.98 * slow + 0.02 * rain[max(t - 4, 0)]
        stage[t] = 0.6 * fast + 0.8 * slow
    stage += 0.01 * rng.normal(size=hours)
    return np.stack([rain, stage], axis=1)


class Windows(Dataset):
    def __init__(self, series):
        self.series = torch.tensor(series, dtype=torch.float32)

    def __len__(self):
        return len(self.series) - WINDOW - AHEAD + 1

    def __getitem__(self, i):
        return self.series[i:i + WINDOW], self.series[i + WINDOW + AHEAD - 1, 1]


class StageForecaster(nn.Module):
    def __init__(self, hidden=24):
        super().__init__()
        self.gru = nn.GRU(2, hidden, batch_first=True)
        self.readout = nn.Linear(hidden, 1)

    def forward(self, window):
        _, last = self.gru(window)
        # forecast the change from the last seen stage
        return window[:, -1, 1] + self.readout(last[0]).squeeze(-1)


def evaluate(model, loader):
    model.eval()
    pred, true, naive = [], [], []
    with torch.no_grad():
        for window, target in loader:
            pred.append(model(window))
            true.append(target)
            naive.append(window[:, -1, 1])
    pred, true, naive = torch.cat(pred), torch.cat(true), torch.cat(naive)
    mse = (pred - true).pow(2).mean()
    return mse.item(), (1 - mse / (naive - true).pow(2).mean()).item()


def main():
    torch.manual_seed(17)
    rng = np.random.default_rng(17)
    series = simulate_river(4300, rng)[100:]
    train, test = series[:3200], series[3200:]
    mean, std = train.mean(0), train.std(0)
    train_loader = DataLoader(Windows((train - mean) / std), batch_size=64, shuffle=True)
    test_loader = DataLoader(Windows((test - mean) / std), batch_size=256)

    model = StageForecaster()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=12)
    mse = nn.MSELoss()

    for epoch in range(12):
        model.train()
        losses, norms = [], []
        for window, target in train_loader:
            optimizer.zero_grad()
            loss = mse(model(window), target)
            loss.backward()
            norms.append(clip_grad_norm_(model.parameters(), max_norm=1.0).item())
            optimizer.step()
            losses.append(loss.item())
        scheduler.step()
        test_mse, skill = evaluate(model, test_loader)
        print(f"epoch {epoch + 1:2d}: train {np.mean(losses):.4f} (grad norm {np.median(norms):.2f})  test {test_mse:.4f}")

    print(f"skill over persistence: {skill:.3f}")


if __name__ == "__main__":
    main()
