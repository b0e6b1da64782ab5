"""Impedance of an RLC circuit (Friedman #2) with a small network."""
import torch
from sklearn.datasets import make_friedman2
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(6)

X, y = make_friedman2(n_samples=1500, noise=10.0, random_state=6)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=6)
mean, std = X_train.mean(axis=0), X_train.std(axis=0)
X_train, X_test = (X_train - mean) / std, (X_test - mean) / std
f32 = lambda a: torch.tensor(a, dtype=torch.float32)
train_loader = DataLoader(TensorDataset(f32(X_train), f32(y_train)[:, None]), batch_size=32, shuffle=True)

model = nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
loss_fn = nn.MSELoss()

for epoch in range(30):
    model.train()
    total = 0.0
    for xb, yb in train_loader:
        optimizer.zero_grad()
        loss = loss_fn(model(xb), yb)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(xb)
    print(f"epoch {epoch + 1:2d}  mse {total / len(X_train):.4f}")

model.eval()
with torch.no_grad():
    print(f"R2 = {r2_score(y_test, model(f32(X_test)).numpy()[:, 0]):.3f}")
