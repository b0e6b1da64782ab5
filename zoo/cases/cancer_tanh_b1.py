import torch
import torch.nn as nn
from sklearn.datasets import load_breast_cancer
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(26)

data = load_breast_cancer()
X = torch.tensor(data.data, dtype=torch.float32)
y = torch.tensor(data.target, dtype=torch.float32).unsqueeze(1)
dataset = TensorDataset(X, y)
train_set, test_set = random_split(dataset, [400, 169])
train_loader = DataLoader(train_set, batch_size=20, shuffle=True)
test_loader = DataLoader(test_set, batch_size=169)

model = nn.Sequential(
    nn.Linear(30, 24), nn.Tanh(),
    nn.Linear(24, 24), nn.Tanh(),
    nn.Linear(24, 1),
)
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)

for epoch in range(40):
    model.train()
    train_loss = 0.0
    for xb, yb in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(xb), yb)
        loss.backward()
        optimizer.step()
        train_loss += loss.item() / len(train_loader)
    model.eval()
    with torch.no_grad():
        xb, yb = next(iter(test_loader))
        out = model(xb)
        val_loss = criterion(out, yb).item()
        acc = ((out > 0).float() == yb).float().mean().item()
    print(f"epoch {epoch + 1:02d}: loss {train_loss:.4f} val_loss {val_loss:.4f} val_acc {acc:.4f}")
print(f"final val loss {val_loss:.4f}")
