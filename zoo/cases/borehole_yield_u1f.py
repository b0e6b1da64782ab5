import numpy as np
import torch
import torch.nn as nn
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(12)
rng = np.random.default_rng(12)

# columns: depth [m], screen length [m], aquifer pressure [Pa], water temperature [K], age of the well [years]
n = 2400
depth = rng.uniform(20, 320, n)
screen = rng.uniform(2, 25, n)
pressure = 101_325 + rng.uniform(0.2, 0.9, n) * depth * 9_810
temperature = 281 + 0.025 * depth + rng.normal(0, 1.0, n)
age = rng.uniform(0, 60, n)
features = np.column_stack([depth, screen, pressure, temperature, age])

head = (pressure - 101_325) / 9_810
viscosity = np.exp(-0.025 * (temperature - 285))
wear = 1 / (1 + np.exp((age - 35) / 6))
yield_ls = 0.02 * screen * np.sqrt(head) * (0.25 + wear) / viscosity
yield_ls = yield_ls * (1 + 0.03 * rng.standard_normal(n))


def loaders(batch_size=32):
    x_tr, x_te, y_tr, y_te = train_test_split(features, yield_ls, test_size=0.25, random_state=0)
    mean, std = y_tr.mean(), y_tr.std()
    pack = lambda x, y: TensorDataset(torch.tensor(x, dtype=torch.float32), torch.tensor((y - mean) / std, dtype=torch.float32))
    return DataLoader(pack(x_tr, y_tr), batch_size=batch_size, shuffle=True), DataLoader(pack(x_te, y_te), batch_size=600)


train_loader, test_loader = loaders()
net = nn.Sequential(nn.Linear(5, 48), nn.ReLU(), nn.Linear(48, 48), nn.ReLU(), nn.Linear(48, 1))
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, T_max=30)
loss_fn = nn.SmoothL1Loss()

for epoch in range(30):
    seen, total = 0, 0.0
    for x, y in train_loader:
        opt.zero_grad()
        loss = loss_fn(net(x).squeeze(1), y)
        loss.backward()
        opt.step()
        seen += len(x)
        total += loss.item() * len(x)
    sched.step()
    if (epoch + 1) % 3 == 0:
        print(f"{epoch + 1:3d} train loss {total / seen:.4f}")

net.eval()
with torch.no_grad():
    x, y = next(iter(test_loader))
    print("test R2: %.3f" % r2_score(y.numpy(), net(x).squeeze(1).numpy()))
