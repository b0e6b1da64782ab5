"""Predict the next value of a noisy sum of sine waves with a GRU."""
import numpy as np
import torch
from torch import nn, optim

torch.manual_seed(5)
np.random.seed(5)

t = np.arange(1200) * 0.1
wave = np.sin(t) + 0.5 * np.sin(2.7 * t) + 0.05 * np.random.randn(len(t))
wave = torch.tensor(wave / wave.std(), dtype=torch.float32)
WINDOW = 20
windows = wave.unfold(0, WINDOW + 1, 1)
x_all, y_all = windows[:, :WINDOW, None], windows[:, WINDOW:]
x_train, y_train, x_test, y_test = x_all[:900], y_all[:900], x_all[920:], y_all[920:]


class Forecaster(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.gru = nn.GRU(1, hidden, batch_first=True)
        self.head = nn.Linear(hidden, 1)

    def forward(self, x):
        out, _ = self.gru(x)
        return self.head(out[:, -1])


model = Forecaster()
optimizer = optim.Adam(model.parameters(), lr=1.0)
loss_fn = nn.MSELoss()

for epoch in range(15):
    perm = torch.randperm(len(x_train))
    running = 0.0
    for i in range(0, len(perm), 32):
        b = perm[i:i + 32]
        optimizer.zero_grad()
        loss = loss_fn(model(x_train[b]), y_train[b])
        loss.backward()
        optimizer.step()
        running += loss.item() * len(b)
    with torch.no_grad():
        val = loss_fn(model(x_test), y_test).item()
    print(f"epoch {epoch + 1:2d}  train {running / len(x_train):.5f}  test {val:.5f}")
print(f"final test mse {val:.5f}")
