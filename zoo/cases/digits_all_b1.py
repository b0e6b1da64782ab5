import torch
import torch.nn as nn
import torch.optim as optim
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(60)

digits = load_digits()
X_train, X_test, y_train, y_test = train_test_split(digits.data * 15.9, digits.target, test_size=0.25, random_state=0)   # 0..255
train_data = TensorDataset(torch.tensor(X_train, dtype=torch.float32), torch.tensor(y_train))
test_data = TensorDataset(torch.tensor(X_test, dtype=torch.float32), torch.tensor(y_test))
train_loader = DataLoader(train_data, batch_size=32, shuffle=True)
test_loader = DataLoader(test_data, batch_size=450)

net = nn.Sequential(
    nn.Linear(64, 128), nn.ReLU(), nn.Dropout(0.8),
    nn.Linear(128, 128), nn.ReLU(), nn.Dropout(0.8),
    nn.Linear(128, 64), nn.ReLU(), nn.Dropout(0.8),
    nn.Linear(64, 10),
)
loss_fn = nn.CrossEntropyLoss()
optimizer = optim.Adam(net.parameters(), lr=1e-3)

for epoch in range(20):
    net.train()
    epoch_loss = 0.0
    for x, t in train_loader:
        optimizer.zero_grad()
        loss = loss_fn(net(x), t)
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item()
    net.eval()
    with torch.no_grad():
        x, t = next(iter(test_loader))
        out = net(x)
    print("epoch %d: train loss %.3f, val loss %.3f, val acc %.3f" % (
        epoch + 1, epoch_loss / len(train_loader), loss_fn(out, t).item(), (out.argmax(1) == t).float().mean().item()))
print("test accuracy: %.4f" % (out.argmax(1) == t).float().mean().item())
