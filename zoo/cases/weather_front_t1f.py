import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

rng = np.random.default_rng(404)
torch.manual_seed(404)

# station log: pressure now and three hours ago (Pa), temperature now and three hours ago (K), humidity (%), wind direction (deg)
n = 3000
p_now = rng.normal(101325, 900, n)
tendency = rng.normal(0, 280, n)
t_now = rng.normal(284, 7, n)
t_change = rng.normal(0, 2.5, n)
humidity = np.clip(rng.normal(70, 16, n), 10, 100)
wind = rng.uniform(0, 360, n)
table = np.stack([p_now, p_now - tendency, t_now, t_now - t_change, humidity, wind], axis=1)

# 0 = no front, 1 = warm front, 2 = cold front
front = np.zeros(n, dtype=int)
front[(-tendency / 280 + t_change / 2.5 + (humidity - 70) / 32) > 0.9] = 1
front[(tendency / 280 - t_change / 2.5 + (humidity - 70) / 32) > 0.9] = 2

inputs = torch.tensor(table, dtype=torch.float32)
targets = torch.tensor(front)
x_train, y_train = inputs[:2400], targets[:2400]
x_test, y_test = inputs[2400:], targets[2400:]


class FrontNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.l1 = nn.Linear(6, 64)
        self.l2 = nn.Linear(64, 32)
        self.l3 = nn.Linear(32, 3)

    def forward(self, x):
        x = F.leaky_relu(self.l1(x), 0.05)
        x = F.leaky_relu(self.l2(x), 0.05)
        return F.log_softmax(self.l3(x), dim=1)


def accuracy(net, x, y):
    with torch.no_grad():
        return net(x).argmax(1).eq(y).float().mean().item()


net = FrontNet()
optimiser = torch.optim.Adam(net.parameters(), lr=0.003)

step = 0
for epoch in range(35):
    shuffled = torch.randperm(2400)
    for k in range(0, 2400, 75):
        b = shuffled[k:k + 75]
        loss = F.nll_loss(net(x_train[b]), y_train[b])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        step += 1
    if epoch % 5 == 4:
        print("step", step, "loss", round(loss.item(), 4), "train acc", round(accuracy(net, x_train, y_train), 3))

print(f"test accuracy {accuracy(net, x_test, y_test):.3f}  (largest class {np.bincount(front).max() / n:.3f})")
