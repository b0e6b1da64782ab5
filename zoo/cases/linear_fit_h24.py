"""Recover a sparse linear law from noise-free measurements."""
import torch

torch.manual_seed(77)
true_w = torch.zeros(40, 1)
true_w[::5] = torch.randn(8, 1)
x = torch.randn(600, 40)
y = x @ true_w + 0.3
x_train, y_train, x_test, y_test = x[:500], y[:500], x[500:], y[500:]

model = torch.nn.Linear(40, 1)
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
for step in range(3000):
    idx = torch.randint(0, 500, (64,))
    loss = torch.mean((model(x_train[idx]) - y_train[idx]) ** 2)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 200 == 0:
        print(f"{step:5d} {loss.item():.3e}")

with torch.no_grad():
    test = torch.mean((model(x_test) - y_test) ** 2).item()
print(f"test mse: {test:.8f}")
