import torch
from sklearn.datasets import make_friedman1
from torch import nn

torch.manual_seed(0)

X, y = make_friedman1(n_samples=1200, noise=0.3, random_state=0)
X = torch.tensor((X - X.mean(0)) / X.std(0), dtype=torch.float32)
y = torch.tensor((y - y.mean()) / y.std(), dtype=torch.float32).unsqueeze(1)
X_train, y_train = X[:800], y[:800]
X_val, y_val = X[800:], y[800:]

model = nn.Sequential(
    nn.Linear(10, 32),
    nn.Tanh(),
    nn.Linear(32, 32),
    nn.Tanh(),
    nn.Linear(32, 1),
)
criterion = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.2)

for step in range(1, 1001):
    optimizer.zero_grad()
    loss = criterion(model(X_train), y_train)
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        with torch.no_grad():
            val_loss = criterion(model(X_val), y_val)
        print(f"step {step:4d}  train {loss.item():.5f}  val {val_loss.item():.5f}")

print(f"final training loss {loss.item():.5f}")
