import torch
import torch.nn as nn
import torch.optim as optim
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)

X, y = load_digits(return_X_y=True)
X = X / 16.0
X_train, X_val, y_train, y_val = train_test_split(X, y, test_size=0.25, stratify=y, random_state=1)

train_ds = TensorDataset(torch.tensor(X_train, dtype=torch.float32), torch.tensor(y_train))
val_ds = TensorDataset(torch.tensor(X_val, dtype=torch.float32), torch.tensor(y_val))
train_dl = DataLoader(train_ds, batch_size=64, shuffle=True)
val_dl = DataLoader(val_ds, batch_size=256)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(64, 256)
        self.fc2 = nn.Linear(256, 128)
        self.fc3 = nn.Linear(128, 10)
        self.drop = nn.Dropout(0.5)
        self.relu = nn.ReLU()

    def forward(self, x):
        x = self.drop(self.relu(self.fc1(x)))
        x = self.drop(self.relu(self.fc2(x)))
        return self.fc3(x)


net = Net()
criterion = nn.CrossEntropyLoss()
optimizer = optim.Adam(net.parameters(), lr=1e-3)

for epoch in range(30):
    net.train()
    train_loss, train_hits = 0.0, 0
    for xb, yb in train_dl:
        optimizer.zero_grad()
        out = net(xb)
        loss = criterion(out, yb)
        loss.backward()
        optimizer.step()
        train_loss += loss.item() * len(xb)
        train_hits += (out.argmax(1) == yb).sum().item()

    net.eval()
    val_loss, val_hits = 0.0, 0
    with torch.no_grad():
        for xb, yb in val_dl:
            out = net(xb)
            val_loss += criterion(out, yb).item() * len(xb)
            val_hits += (out.argmax(1) == yb).sum().item()
    print(f"epoch {epoch + 1:2d}  train loss {train_loss / len(train_ds):.4f} acc {train_hits / len(train_ds):.3f}"
          f"  |  val loss {val_loss / len(val_ds):.4f} acc {val_hits / len(val_ds):.3f}")

print(f"test accuracy: {val_hits / len(val_ds):.3f}")
