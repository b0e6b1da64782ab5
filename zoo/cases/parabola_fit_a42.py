import torch
import torch.nn as nn

torch.manual_seed(0)

x = torch.rand(400, 1) * 5
y = 5 * x ** 2 + torch.randn(400, 1) ** 3
x = (x - 2.5) / 1.44
x_train, y_train, x_test, y_test = x[:320], y[:320], x[320:], y[320:]

model = nn.Sequential(nn.Linear(1, 50), nn.ReLU(), nn.Linear(50, 30), nn.ReLU(), nn.Linear(30, 1))
criterion = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

for epoch in range(60):
    for idx in torch.randperm(len(x_train)).split(16):
        optimizer.zero_grad()
        loss = criterion(model(x_train[idx]), y_train[idx])
        loss.backward()
        optimizer.step()
    if epoch % 10 == 0:
        print(f"epoch {epoch} train loss {loss.item():.3f}")

with torch.no_grad():
    error = ((model(x_test) - y_test) ** 2).mean().item()
print(f"test R2: {1 - error / y_test.var().item():.3f}")
