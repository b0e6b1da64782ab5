import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

# simulated kiln log: fuel rate, air flow, moisture, load, ambient -> brick temperature
rng = np.random.default_rng(40)
N = 1200
fuel = rng.uniform(2.0, 6.0, N)
air = rng.uniform(10, 30, N)
moist = rng.uniform(0.02, 0.2, N)
load = rng.uniform(0.5, 3.0, N)
ambient = rng.normal(15, 6, N)
temp = 620 + 95 * fuel - 0.9 * (air - 21) ** 2 - 700 * moist - 40 * load * moist * 10 + 1.2 * ambient
temp = temp + rng.normal(0, 12, N)

features = np.stack([fuel, air, moist, load, ambient], axis=1)
cut = 1000
mu, sd = features[:cut].mean(0), features[:cut].std(0)
tmu, tsd = temp[:cut].mean(), temp[:cut].std()
X = torch.tensor((features - mu) / sd, dtype=torch.float32)
t = torch.tensor((temp - tmu) / tsd, dtype=torch.float32).reshape(-1, 1)

torch.manual_seed(40)
train_loader = DataLoader(TensorDataset(X[:cut], t[:cut]), batch_size=50, shuffle=True)


class KilnNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden1 = nn.Linear(5, 32)
        self.hidden2 = nn.Linear(32, 16)
        self.out = nn.Linear(16, 1)

    def forward(self, x):
        x = torch.tanh(self.hidden1(x))
        x = torch.tanh(self.hidden2(x))
        return self.out(x)


net = KilnNet()
loss_fn = nn.MSELoss()
sgd = torch.optim.SGD(net.parameters(), lr=0.01)


def train_epoch():
    total = 0.0
    for xb, tb in train_loader:
        pred = net(xb)
        loss = loss_fn(pred, tb)
        loss.backward()
        sgd.step()
        total += loss.item() * len(xb)
    return total / cut


history = []
for epoch in range(100):
    history.append(train_epoch())
    if epoch % 10 == 9:
        print(f"epoch {epoch + 1:>2}: mse {history[-1]:.4f}")

with torch.no_grad():
    pred = net(X[cut:]) * tsd + tmu
    truth = t[cut:] * tsd + tmu
    rmse = torch.sqrt(torch.mean((pred - truth) ** 2)).item()
print(f"RMSE on the last {N - cut} firings: {rmse:.2f} degrees")
