import torch
import torch.nn as nn
from sklearn.datasets import make_moons

torch.manual_seed(40)

X, y = make_moons(n_samples=560, noise=0.4, random_state=6)
X = torch.tensor(X, dtype=torch.float32)
y = torch.tensor(y, dtype=torch.float32).unsqueeze(1)
X = (X - X[:60].mean(0)) / X[:60].std(0)
X_train, y_train = X[:60], y[:60]
X_val, y_val = X[60:], y[60:]

model = nn.Sequential(nn.Linear(2, 100), nn.ReLU(), nn.Linear(100, 100), nn.ReLU(), nn.Linear(100, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
criterion = nn.BCEWithLogitsLoss()
train_curve, val_curve = [], []

for epoch in range(150):
    model.train()
    for rows in torch.randperm(60).split(12):
        optimizer.zero_grad()
        loss = criterion(model(X_train[rows]), y_train[rows])
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        train_curve.append(criterion(model(X_train), y_train).item())
        val_curve.append(criterion(model(X_val), y_val).item())
    if epoch % 10 == 9:
        print(f"epoch {epoch + 1}: train {train_curve[-1]:.4f}, validation {val_curve[-1]:.4f}")

print(f"validation loss at the end {val_curve[-1]:.4f}")
