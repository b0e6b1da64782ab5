# Count bacteria colonies on small greyscale crops of culture plates.
import numpy as np
import torch
from torch import nn
from torch.optim.lr_scheduler import ExponentialLR

rng = np.random.default_rng(41)
torch.manual_seed(41)

SIZE = 16
yy, xx = np.mgrid[0:SIZE, 0:SIZE]


def plate():
    n = rng.integers(0, 8)
    img = rng.normal(0.1, 0.03, (SIZE, SIZE))
    for _ in range(n):
        cy, cx = rng.uniform(1.5, SIZE - 2.5, 2)
        r = rng.uniform(0.8, 1.1)
        img += 0.8 * np.exp(-((yy - cy) ** 2 + (xx - cx) ** 2) / (2 * r * r))
    return img, n


def plates(n):
    images, counts = zip(*(plate() for _ in range(n)))
    x = torch.tensor(np.array(images), dtype=torch.float32).unsqueeze(1)
    return (x - 0.22) / 0.25, torch.tensor(counts, dtype=torch.float32)


x_train, n_train = plates(1600)
x_val, n_val = plates(400)
centre, spread = n_train.mean(), n_train.std()

net = nn.Sequential(
    nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(16 * 4 * 4, 32), nn.ReLU(), nn.Linear(32, 1),
)
opt = torch.optim.Adam(net.parameters(), lr=2e-3)
sched = ExponentialLR(opt, gamma=0.93)
mse = nn.MSELoss()


def mean_abs_error(x, n):
    net.eval()
    with torch.no_grad():
        guess = net(x).squeeze(1) * spread + centre
    return (guess - n).abs().mean().item()


for epoch in range(12):
    net.train()
    running = 0.0
    order = torch.randperm(len(x_train))
    for idx in order.split(40):
        target = (n_train[idx] - centre) / spread
        loss = mse(net(x_train[idx]).squeeze(1), target)
        opt.zero_grad()
        loss.backward()
        opt.step()
        sched.step()
        running += loss.item() * len(idx)
    print(f"[{epoch:02d}] mse {running / len(x_train):.4f}   val MAE {mean_abs_error(x_val, n_val):.3f}")

print("colonies off by", round(mean_abs_error(x_val, n_val), 4))
