import torch
import torch.nn as nn
from sklearn.datasets import make_friedman1
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(23)

X, y = make_friedman1(n_samples=1000, n_features=6, noise=0.5, random_state=23)
X = torch.tensor(X, dtype=torch.float32) * 2 - 1
y = torch.tensor((y - y.mean()) / y.std(), dtype=torch.float32).view(-1, 1)
train_ds, test_ds = TensorDataset(X[:800], y[:800]), TensorDataset(X[800:], y[800:])
train_dl = DataLoader(train_ds, batch_size=2, shuffle=True)
test_dl = DataLoader(test_ds, batch_size=100)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(6, 32)
        self.bn1 = nn.BatchNorm1d(32)
        self.fc2 = nn.Linear(32, 16)
        self.bn2 = nn.BatchNorm1d(16)
        self.fc3 = nn.Linear(16, 1)

    def forward(self, x):
        x = torch.relu(self.bn1(self.fc1(x)))
        x = torch.relu(self.bn2(self.fc2(x)))
        return self.fc3(x)


net = Net()
loss_fn = nn.MSELoss()
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
for epoch in range(6):
    net.train()
    train_loss = 0
    for xb, yb in train_dl:
        loss = loss_fn(net(xb), yb)
        opt.zero_grad()
        loss.backward()
        opt.step()
        train_loss += loss.item()
    net.eval()
    with torch.no_grad():
        test_loss = sum(loss_fn(net(xb), yb).item() for xb, yb in test_dl) / len(test_dl)
    print(f"Epoch {epoch + 1}: train {train_loss / len(train_dl):.3f}, test {test_loss:.3f}")
