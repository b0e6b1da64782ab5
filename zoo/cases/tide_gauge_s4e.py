import numpy as np
import torch

# periods in hours of the constituents M2, S2, N2, K2, K1, O1, P1
PERIODS = np.array([12.4206, 12.0, 12.6583, 11.9672, 23.9345, 25.8193, 24.0659])
HEIGHTS = np.array([1.0, 0.4, 0.3, 0.2, 0.35, 0.3, 0.15])


def gauge(hours, rng):
    lag = np.array([0.3, 1.1, 2.0, 0.7, 4.1, 5.2, 3.3])
    level = (HEIGHTS * np.cos(2 * np.pi * hours[:, None] / PERIODS - lag)).sum(1)
    return 0.25 + level + rng.laplace(0, 0.03, len(hours))


def harmonics(hours):
    phase = 2 * np.pi * hours[:, None] / PERIODS
    return np.concatenate([np.cos(phase), np.sin(phase)], axis=1)


rng = np.random.default_rng(88)
torch.manual_seed(88)
train_hours = rng.uniform(0, 24 * 365, 3000)
test_hours = 24 * 365 + np.arange(0, 24 * 30, 0.5)
x_train = torch.tensor(harmonics(train_hours), dtype=torch.float32)
y_train = torch.tensor(gauge(train_hours, rng), dtype=torch.float32)
x_test = torch.tensor(harmonics(test_hours), dtype=torch.float32)
y_test = torch.tensor(gauge(test_hours, rng), dtype=torch.float32)

station = torch.nn.Linear(14, 1)
sgd = torch.optim.SGD(station.parameters(), lr=1.0, momentum=0.9, nesterov=True)

for lap in range(20):
    absolute = 0.0
    for idx in torch.randperm(3000).split(50):
        residual = station(x_train[idx])[:, 0] - y_train[idx]
        loss = residual.abs().mean()
        sgd.zero_grad()
        loss.backward()
        sgd.step()
        absolute += loss.item() / 60
    with torch.no_grad():
        ahead = (station(x_test)[:, 0] - y_test).abs().mean().item()
    print(f"pass {lap + 1}: mean |error| {absolute:.3f} m, month ahead {ahead:.3f} m")

print(f"forecast error: {ahead:.3f} m")
