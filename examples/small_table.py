"""Predict the progress of diabetes from a few rows."""

import torch
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def load():
    x, y = load_diabetes(return_X_y=True)
    x_train, x_val, y_train, y_val = train_test_split(x, y, train_size=180, random_state=3)
    scaler = StandardScaler().fit(x_train)
    mean, std = y_train.mean(), y_train.std()

    def tensors(features, targets):
        features = torch.tensor(scaler.transform(features), dtype=torch.float32)
        return TensorDataset(features, torch.tensor((targets - mean) / std, dtype=torch.float32))

    return tensors(x_train, y_train), tensors(x_val, y_val)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(10, 128),
            nn.ReLU(),
            nn.Linear(128, 128),
            nn.ReLU(),
        )
        self.head = nn.Linear(128, 1)

    def forward(self, x):
        return self.head(self.body(x)).squeeze(-1)


torch.manual_seed(3)
train_set, val_set = load()
train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
val_loader = DataLoader(val_set, batch_size=262)

model = Net()
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

for epoch in range(120):
    model.train()
    total = 0.0
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(x)

    model.eval()
    with torch.no_grad():
        val_loss = sum(criterion(model(x), y).item() * len(x) for x, y in val_loader)
    if epoch % 20 == 19:
        print(f"epoch {epoch + 1}: train {total / len(train_set):.3f}  val {val_loss / len(val_set):.3f}")

print(f"val loss: {val_loss / len(val_set):.4f}")
