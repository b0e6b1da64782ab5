"""A two layer network with the update written by hand."""
import torch
import torch.nn.functional as F

torch.manual_seed(0)

x = torch.rand(600, 1) * 2 - 1
y = torch.sin(4 * x) + 0.05 * torch.randn(600, 1)
x_train, y_train, x_test, y_test = x[:500], y[:500], x[500:], y[500:]

H = 40
w1 = (torch.randn(1, H) * 2).requires_grad_()
b1 = torch.randn(H, requires_grad=True)
w2 = (torch.randn(H, 1) / H ** 0.5).requires_grad_()
b2 = torch.zeros(1, requires_grad=True)
params = [w1, b1, w2, b2]
lr = 0.02


def net(x):
    return torch.tanh(x @ w1 + b1) @ w2 + b2


for epoch in range(60):
    perm = torch.randperm(500)
    for i in range(0, 500, 20):
        idx = perm[i:i + 20]
        loss = F.mse_loss(net(x_train[idx]), y_train[idx])
        for p in params:
            p.grad = None
        loss.backward()
        with torch.no_grad():
            for p in params:
                p += lr * p.grad
    if epoch % 5 == 4:
        print(f"epoch {epoch + 1}: {F.mse_loss(net(x_train), y_train).item():.4g}")

print(f"test mse: {F.mse_loss(net(x_test), y_test).item():.4g}")
