import numpy as np
import torch
import torch.nn as nn

torch.manual_seed(5)
rng = np.random.default_rng(5)

# wind speed [m/s], yaw error [deg], blade pitch [deg], air density [kg/m3]
N = 2500
speed = rng.uniform(3, 22, N)
yaw = rng.uniform(-40, 40, N)
pitch = rng.uniform(0, 20, N)
density = rng.normal(1.2, 0.04, N)
best_pitch = np.clip(1.1 * (speed - 10), 0, 12)
power = density * np.minimum(speed, 12.0) ** 3 * np.cos(np.radians(yaw)) ** 3
power = power * np.exp(-((pitch - best_pitch) / 8) ** 2)
power = power / 1000 + rng.normal(0, 0.03, N)

X = np.column_stack([speed, yaw, pitch, density])
X = (X - X.mean(0)) / X.std(0)
Y = (power - power.mean()) / power.std()
X = torch.tensor(X, dtype=torch.float32)
Y = torch.tensor(Y, dtype=torch.float32).reshape(-1, 1)
Xtr, Ytr, Xte, Yte = X[:2000], Y[:2000], X[2000:], Y[2000:]


class PowerCurve(nn.Module):
    def __init__(self, n_in=4, width=32):
        super().__init__()
        self.first = nn.Linear(n_in, width)
        self.second = nn.Linear(width, width)
        self.out = nn.Linear(width, 1)
        for layer in (self.first, self.second, self.out):
            nn.init.constant_(layer.weight, 0.05)
            nn.init.zeros_(layer.bias)

    def forward(self, x):
        x = torch.tanh(self.first(x))
        x = torch.tanh(self.second(x))
        return self.out(x)


model = PowerCurve()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)

for epoch in range(40):
    shuffled = torch.randperm(2000)
    for start in range(0, 2000, 50):
        rows = shuffled[start:start + 50]
        optimizer.zero_grad()
        loss = loss_fn(model(Xtr[rows]), Ytr[rows])
        loss.backward()
        optimizer.step()
    if epoch % 10 == 9:
        with torch.no_grad():
            print("epoch", epoch + 1, "train", loss_fn(model(Xtr), Ytr).item(), "test", loss_fn(model(Xte), Yte).item())

with torch.no_grad():
    print("test mse (standardised power): %.4f" % loss_fn(model(Xte), Yte))
