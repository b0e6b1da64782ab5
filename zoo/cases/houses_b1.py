"""House prices (synthetic): size, rooms, age, distance and six more columns."""
import torch
import torch.nn as nn
from sklearn.datasets import make_regression
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(71)

X, y = make_regression(n_samples=1000, n_features=10, n_informative=6, noise=10.0, random_state=71)
price = 250_000 + 60_000 * y / y.std()
X_train, X_test, p_train, p_test = train_test_split(X, price, test_size=0.2, random_state=0)
scaler = StandardScaler()
X_train = torch.tensor(scaler.fit_transform(X_train), dtype=torch.float32)
X_test = torch.tensor(scaler.transform(X_test), dtype=torch.float32)
p_train = torch.tensor(p_train, dtype=torch.float32).unsqueeze(1)
p_test = torch.tensor(p_test, dtype=torch.float32).unsqueeze(1)

model = nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
loader = DataLoader(TensorDataset(X_train, p_train), batch_size=32, shuffle=True)

for epoch in range(40):
    model.train()
    total = 0.0
    for xb, pb in loader:
        optimizer.zero_grad()
        loss = criterion(model(xb), pb)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(xb)
    if epoch % 4 == 3:
        print(f"epoch {epoch + 1}: train loss {total / len(X_train):.6g}")

model.eval()
with torch.no_grad():
    pred = model(X_test)
    r2 = 1 - ((pred - p_test) ** 2).sum() / ((p_test - p_test.mean()) ** 2).sum()
    print(f"mean absolute error: {(pred - p_test).abs().mean().item():.6g}")
print(f"R2 = {r2.item():.4f}")
