# Uncertainty from dropout: at prediction time the dropout layers stay on and we average many passes.
import torch
from torch import nn

torch.manual_seed(52)

x = torch.rand(600, 1) * 4 - 2
y = torch.sin(2 * x) + 0.1 * torch.randn(600, 1)
x_train, y_train, x_test, y_test = x[:450], y[:450], x[450:], y[450:]

net = nn.Sequential(
    nn.Linear(1, 128), nn.ReLU(), nn.Dropout(0.1),
    nn.Linear(128, 128), nn.ReLU(), nn.Dropout(0.1),
    nn.Linear(128, 1),
)
opt = torch.optim.Adam(net.parameters(), lr=2e-3)


@torch.no_grad()
def predict(x, passes=30):
    net.train()
    samples = torch.stack([net(x) for _ in range(passes)])
    return samples.mean(0), samples.std(0)


for epoch in range(80):
    net.train()
    for idx in torch.randperm(450).split(30):
        loss = nn.functional.mse_loss(net(x_train[idx]), y_train[idx])
        opt.zero_grad()
        loss.backward()
        opt.step()
    if epoch % 10 == 9:
        mean, std = predict(x_test)
        print(f"epoch {epoch + 1}: test mse {((mean - y_test) ** 2).mean():.4f}, mean spread {std.mean():.3f}")

mean, std = predict(x_test, 100)
r2 = 1 - ((mean - y_test) ** 2).mean() / y_test.var()
print(f"R2 = {r2.item():.3f}")
