import torch
import torch.nn as nn

torch.manual_seed(26)

quantiles = torch.tensor([0.1, 0.5, 0.9])
x = torch.rand(2000, 1) * 2 - 1
y = torch.sin(3 * x) + (0.1 + 0.3 * x.abs()) * torch.randn_like(x)
x_tr, y_tr, x_te, y_te = x[:1500], y[:1500], x[1500:], y[1500:]


class QuantileLoss(nn.Module):
    def __init__(self, q):
        super().__init__()
        self.register_buffer("q", q)

    def forward(self, pred, target):
        e = target - pred                       # (batch, quantiles)
        return torch.maximum(self.q * e, (self.q - 1) * e).mean()


model = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 3))
criterion = QuantileLoss(quantiles)
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.93)

for epoch in range(30):
    for idx in torch.randperm(1500).split(50):
        optimizer.zero_grad()
        loss = criterion(model(x_tr[idx]), y_tr[idx])
        loss.backward()
        optimizer.step()
    scheduler.step()
    if epoch % 5 == 0:
        print(f"epoch {epoch}, pinball loss {criterion(model(x_tr), y_tr).item():.4f}")

with torch.no_grad():
    p = model(x_te)
cover = ((y_te[:, 0] > p[:, 0]) & (y_te[:, 0] < p[:, 2])).float().mean().item()
print(f"80 % band covers {cover:.3f}")
print(f"test pinball loss: {criterion(p, y_te).item():.4f}")
