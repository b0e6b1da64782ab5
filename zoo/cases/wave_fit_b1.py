import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(36)
np.random.seed(36)


class Approximator(nn.Module):
    def __init__(self, units):
        super().__init__()
        self.a = nn.Linear(1, units)
        self.b = nn.Linear(units, 1)

    def forward(self, t):
        return self.b(torch.tanh(self.a(t)))


# tide at the harbour, time standardized
t = np.random.uniform(-1.73, 1.73, (800, 1)).astype(np.float32)
h = np.sin(3.5 * t) + 0.6 * np.cos(5.5 * t + 1) + 0.05 * np.random.randn(800, 1)
h = torch.from_numpy(h.astype(np.float32))
t = torch.from_numpy(t)

model = Approximator(units=2)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for epoch in range(120):
    order = np.random.permutation(600)
    for batch in np.split(order, 10):
        optimizer.zero_grad()
        loss = F.mse_loss(model(t[batch]), h[batch])
        loss.backward()
        optimizer.step()
    if epoch % 10 == 9:
        with torch.no_grad():
            print("epoch", epoch + 1, "train", F.mse_loss(model(t[:600]), h[:600]).item(),
                  "test", F.mse_loss(model(t[600:]), h[600:]).item())
with torch.no_grad():
    rest = F.mse_loss(model(t[600:]), h[600:]).item()
    print(f"explained variance: {1 - rest / h[600:].var().item():.4f}")
