import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, random_split

torch.manual_seed(3)


class Roasts(Dataset):
    """Simulated roasting log: settings of the drum -> colour of the ground coffee."""

    def __init__(self, n=2400):
        g = np.random.default_rng(3)
        charge = g.normal(195, 10, n)        # drum temperature at charge, deg C
        minutes = g.normal(11, 1.3, n)
        airflow = g.uniform(0.2, 1.0, n)
        moisture = g.normal(10.8, 0.6, n)    # % water of the green beans
        altitude = g.uniform(600, 2000, n)
        heat = 0.03 * (charge - 195) + 0.5 * (minutes - 11) - 0.9 * (moisture - 10.8) + 0.8 * np.sin(3 * airflow)
        colour = 58 - 9 * np.tanh(0.8 * heat) - 1.5 * heat + 0.002 * (altitude - 1300) + g.normal(0, 0.6, n)
        table = np.column_stack([charge, minutes, airflow, moisture, altitude])
        self.settings = torch.tensor((table - table.mean(0)) / table.std(0), dtype=torch.float32)
        self.colour = torch.tensor((colour - colour.mean()) / colour.std(), dtype=torch.float32)

    def __len__(self):
        return len(self.colour)

    def __getitem__(self, i):
        return self.settings[i], self.colour[i]


def log_cosh(prediction, target):
    d = prediction - target
    return (d + nn.functional.softplus(-2 * d) - np.log(2.0)).mean()


train_set, val_set = random_split(Roasts(), [1920, 480])
train_loader = DataLoader(train_set, batch_size=32, shuffle=True)

model = nn.Sequential(nn.Linear(5, 40), nn.ELU(), nn.Linear(40, 40), nn.ELU(), nn.Linear(40, 1))
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-4)

for epoch in range(20):
    running = 0.0
    for settings, colour in train_loader:
        optimizer.zero_grad()
        loss = log_cosh(model(settings), colour)
        loss.backward()
        optimizer.step()
        running += loss.item()
    print("epoch", epoch + 1, "loss", round(running / len(train_loader), 4))

with torch.no_grad():
    x, y = val_set.dataset.settings[val_set.indices], val_set.dataset.colour[val_set.indices]
    guess = model(x).flatten()
    r2 = 1 - ((guess - y) ** 2).sum() / ((y - y.mean()) ** 2).sum()
print(f"validation R^2: {r2:.3f}")
