"""Wine cultivars; the first layer normalizes the raw measurements."""
import torch
import torch.nn as nn
import torch.optim as optim
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset


def evaluate(model, loader, criterion):
    model.eval()
    total, correct, n = 0.0, 0, 0
    with torch.no_grad():
        for xb, yb in loader:
            out = model(xb)
            total += criterion(out, yb).item() * len(yb)
            correct += (out.argmax(1) == yb).sum().item()
            n += len(yb)
    return total / n, correct / n


torch.manual_seed(15)
X, y = load_wine(return_X_y=True)
X_tr, X_te, y_tr, y_te = train_test_split(X, y, test_size=0.3, random_state=0, stratify=y)
train_loader = DataLoader(TensorDataset(torch.tensor(X_tr).float(), torch.tensor(y_tr)), batch_size=31, shuffle=True)
test_loader = DataLoader(TensorDataset(torch.tensor(X_te).float(), torch.tensor(y_te)), batch_size=54)

model = nn.Sequential(
    nn.BatchNorm1d(13),
    nn.Linear(13, 32), nn.ReLU(),
    nn.Linear(32, 32), nn.ReLU(),
    nn.Linear(32, 3),
)
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9)

print("before training: loss %.3f, acc %.3f" % evaluate(model, test_loader, criterion))
for epoch in range(40):
    for xb, yb in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(xb), yb)
        loss.backward()
        optimizer.step()
    test_loss, test_acc = evaluate(model, test_loader, criterion)
    print("epoch %2d: train %.4f  test %.4f  acc %.3f" % (epoch + 1, loss.item(), test_loss, test_acc))
print(f"test accuracy: {test_acc:.3f}")
