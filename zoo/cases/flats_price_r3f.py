import numpy as np
import torch
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(21)
rng = np.random.default_rng(21)

# --- data: asking prices of flats, in euro -------------------------------------------
n = 1600
area = rng.uniform(30, 140, n)
rooms = np.clip(np.round(area / 28 + rng.normal(0, 0.6, n)), 1, 6)
age = rng.uniform(0, 90, n)
floor = rng.integers(0, 8, n)
distance = rng.gamma(2.0, 3.0, n)
balcony = rng.integers(0, 2, n)
per_m2 = 5200 * np.exp(-0.05 * distance) - 14 * age + 60 * floor + 2200
price = area * per_m2 + 9000 * rooms + 12000 * balcony + rng.normal(0, 15000, n)

features = np.column_stack([area, rooms, age, floor, distance, balcony])
scaler = StandardScaler().fit(features[:1200])
X = torch.tensor(scaler.transform(features), dtype=torch.float32)
y = torch.tensor(price, dtype=torch.float32).reshape(-1, 1)
print(f"prices from {price.min():,.0f} to {price.max():,.0f}, mean {price.mean():,.0f}")

train_loader = DataLoader(TensorDataset(X[:1200], y[:1200]), batch_size=64, shuffle=True)
X_test, y_test = X[1200:], y[1200:]

# --- model ---------------------------------------------------------------------------
model = nn.Sequential(
    nn.Linear(6, 64),
    nn.ReLU(),
    nn.Linear(64, 32),
    nn.ReLU(),
    nn.Linear(32, 1),
)
loss_function = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

# --- training ------------------------------------------------------------------------
for epoch in range(40):
    model.train()
    total = 0.0
    for features_b, price_b in train_loader:
        optimizer.zero_grad()
        loss = loss_function(model(features_b), price_b)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(price_b)
    if epoch % 5 == 4:
        print(f"epoch {epoch + 1:3d}   train loss {total / 1200:.5g}")

# --- result --------------------------------------------------------------------------
model.eval()
with torch.no_grad():
    predicted = model(X_test)
mae = (predicted - y_test).abs().mean().item()
r2 = 1 - ((predicted - y_test) ** 2).sum().item() / ((y_test - y_test.mean()) ** 2).sum().item()
print(f"mean absolute error {mae:,.0f} euro")
print(f"R^2 {r2:.3f}")
