"""Hourly bike rentals: station and weekday embeddings plus the weather."""
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

N_STATIONS = 6
EPOCHS = 40


def make_rentals(n, rng):
    station = rng.integers(0, N_STATIONS, n)
    weekday = rng.integers(0, 7, n)
    hour = rng.uniform(0, 24, n)
    temp = rng.normal(14, 7, n)
    rain = rng.random(n) < 0.2
    size = np.array([0.6, 0.8, 1.0, 1.2, 1.4, 1.7])[station]
    commute = np.exp(-((hour - 8) / 1.5) ** 2) + 1.2 * np.exp(-((hour - 17.5) / 2) ** 2)
    leisure = np.exp(-((hour - 14) / 3.5) ** 2)
    profile = np.where(weekday < 5, 3 * commute, 2.2 * leisure)
    comfort = 1 / (1 + np.exp(-(temp - 11) / 4))
    count = size * (0.4 + profile * comfort) * np.where(rain, 0.45, 1.0)
    count = count + rng.normal(0, 0.08, n)
    phase = 2 * np.pi * hour / 24
    weather = np.stack([np.sin(phase), np.cos(phase), np.sin(2 * phase), np.cos(2 * phase), (temp - 14) / 7, rain], axis=1)
    return (
        torch.as_tensor(np.stack([station, weekday], 1)),
        torch.as_tensor(weather, dtype=torch.float32),
        torch.as_tensor(count, dtype=torch.float32),
    )


class RentalNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.station = nn.Embedding(N_STATIONS, 4)
        self.weekday = nn.Embedding(7, 3)
        self.body = nn.Sequential(
            nn.Linear(4 + 3 + 6, 64), nn.GELU(),
            nn.Linear(64, 32), nn.GELU(),
            nn.Linear(32, 1),
        )

    def forward(self, ids, weather):
        h = torch.cat([self.station(ids[:, 0]), self.weekday(ids[:, 1]), weather], dim=1)
        return self.body(h).squeeze(1)


rng = np.random.default_rng(31)
torch.manual_seed(31)
ids, weather, rentals = make_rentals(2000, rng)
ids_v, weather_v, rentals_v = make_rentals(800, rng)
centre, spread = rentals.mean(), rentals.std()
target = (rentals - centre) / spread
target_v = (rentals_v - centre) / spread

model = RentalNet()
opt = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-4)
plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(opt, mode="max", factor=0.2, patience=1)

for epoch in range(EPOCHS):
    order = torch.randperm(len(target))
    running = 0.0
    for part in order.split(50):
        opt.zero_grad()
        loss = F.smooth_l1_loss(model(ids[part], weather[part]), target[part])
        loss.backward()
        opt.step()
        running += loss.item() * len(part)
    with torch.no_grad():
        val = F.smooth_l1_loss(model(ids_v, weather_v), target_v).item()
    plateau.step(val)
    if epoch % 5 == 4:
        print(f"[{epoch + 1:02d}] train {running / len(target):.4f}  val {val:.4f}")

with torch.no_grad():
    guess = model(ids_v, weather_v) * spread + centre
rmse = (guess - rentals_v).pow(2).mean().sqrt().item()
print(f"validation RMSE {rmse:.3f} rentals (std {rentals_v.std().item():.3f})")
