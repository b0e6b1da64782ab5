import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import make_friedman1
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split

torch.manual_seed(4)

X, y = make_friedman1(n_samples=1500, n_features=10, noise=1.0, random_state=0)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, random_state=0)
x_mean, x_std = X_train.mean(axis=0), X_train.std(axis=0)
y_mean, y_std = y_train.mean(), y_train.std()


def tensor(a):
    return torch.tensor(a, dtype=torch.float32)


train_data = torch.utils.data.TensorDataset(tensor((X_train - x_mean) / x_std), tensor((y_train - y_mean) / y_std)[:, None])
loader = torch.utils.data.DataLoader(train_data, batch_size=32, shuffle=True)

model = nn.Sequential(
    nn.Linear(10, 48),
    nn.ReLU(),
    nn.Linear(48, 24),
    nn.ReLU(),
    nn.Linear(24, 1),
)
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-4)
scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[15, 25], gamma=0.2)

for epoch in range(30):
    losses = []
    for xb, yb in loader:
        optimizer.zero_grad()
        loss = criterion(model(xb), yb)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    scheduler.step()
    print(f"epoch {epoch}: MSE (standardized) {np.mean(losses):.4f}")

with torch.no_grad():
    pred = model(tensor((X_test - x_mean) / x_std)).squeeze(1).numpy() * y_std + y_mean
print(f"R2 = {r2_score(y_test, pred):.3f}")
