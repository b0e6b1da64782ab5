# Warp of a cast plate from 16 thermocouples along the mould.
# The whole mould heats and cools together; the warp comes from the differences along it.
import numpy as np
import torch

torch.manual_seed(5)
rng = np.random.default_rng(5)

SENSORS, CASTS = 16, 2400
pos = np.linspace(-1, 1, SENSORS)

common = rng.normal(0, 100, size=(CASTS, 1))                      # pouring temperature, ambient...
modes = np.stack([np.sin(k * np.pi * (pos + 1) / 2) for k in range(1, 7)])
local = rng.normal(0, 3, size=(CASTS, 6)) @ modes
temps = 640 + common + local + rng.normal(0, 1, size=(CASTS, SENSORS))
coef = np.array([0.9, -1.2, 0.8, 1.0, -0.7, 0.9])
warp = local @ modes.T @ coef / 60 + 0.002 * common[:, 0] + rng.normal(0, 0.05, size=CASTS)

X = torch.tensor((temps - temps.mean(0)) / temps.std(0), dtype=torch.float32)
y = torch.tensor((warp - warp.mean()) / warp.std(), dtype=torch.float32)
X_train, y_train, X_test, y_test = X[:2000], y[:2000], X[2000:], y[2000:]

w = (0.1 * torch.randn(SENSORS)).requires_grad_()
b = torch.zeros(1, requires_grad=True)
optimizer = torch.optim.SGD([w, b], lr=0.05)

for epoch in range(40):
    perm = torch.randperm(len(X_train))
    epoch_loss = []
    for i in range(0, len(perm), 100):
        k = perm[i:i + 100]
        loss = torch.mean((X_train[k] @ w + b - y_train[k]) ** 2)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        epoch_loss.append(loss.item())
    if epoch % 4 == 3:
        with torch.no_grad():
            test = torch.mean((X_test @ w + b - y_test) ** 2).item()
        print(f"epoch {epoch + 1}  train {np.mean(epoch_loss):.4f}  test {test:.4f}")

print("weights:", np.round(w.detach().numpy(), 2))
print(f"test mse: {test:.4f}")
