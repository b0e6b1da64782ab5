"""How full is the bus?  Boarding / alighting counters along a line -> passengers on board at the end."""
import numpy as np
import torch
from torch import nn

STOPS = 50
CAPACITY = 40

rng = np.random.default_rng(21)
torch.manual_seed(21)


def simulate(n):
    board = rng.poisson(3.0, size=(n, STOPS))
    alight = rng.poisson(2.7, size=(n, STOPS))
    load = np.zeros(n)
    for s in range(STOPS):
        load = np.clip(load - alight[:, s], 0, None)
        load = np.clip(load + board[:, s], None, CAPACITY)
    seq = np.stack([board, alight], axis=-1) / 3.0 - 1.0
    return torch.tensor(seq, dtype=torch.float32), torch.tensor(load / 20.0 - 1.0, dtype=torch.float32)


class LoadCounter(nn.Module):
    def __init__(self, hidden=48):
        super().__init__()
        self.rnn = nn.RNN(2, hidden, nonlinearity="relu", batch_first=True)
        self.head = nn.Linear(hidden, 1)
        nn.init.normal_(self.rnn.weight_ih_l0, std=0.02)
        nn.init.eye_(self.rnn.weight_hh_l0)
        nn.init.zeros_(self.rnn.bias_ih_l0)
        nn.init.zeros_(self.rnn.bias_hh_l0)

    def forward(self, seq):
        _, last = self.rnn(seq)
        return self.head(last[0])[:, 0]


x_train, y_train = simulate(2000)
x_test, y_test = simulate(500)

net = LoadCounter()
opt = torch.optim.SGD(net.parameters(), lr=0.004, momentum=0.9)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, T_max=8)
mse = nn.MSELoss()

for epoch in range(8):
    order = torch.randperm(len(x_train))
    running = 0.0
    for idx in order.split(50):
        loss = mse(net(x_train[idx]), y_train[idx])
        opt.zero_grad()
        loss.backward()
        opt.step()
        running += loss.item() * len(idx)
    sched.step()
    with torch.no_grad():
        test = mse(net(x_test), y_test).item()
    print(f"[{epoch + 1:02d}] train {running / len(x_train):.4f}  test {test:.4f}")

with torch.no_grad():
    off = (net(x_test) - y_test).abs().mean().item() * 20
print(f"mean error: {off:.2f} passengers")
