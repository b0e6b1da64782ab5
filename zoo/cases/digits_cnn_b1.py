import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

torch.manual_seed(88)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 12, kernel_size=3)
        self.pool = nn.MaxPool2d(2)
        self.fc = nn.Linear(12 * 9, 10)

    def forward(self, x):
        x = self.pool(torch.relu(self.conv(x)))
        return self.fc(x.flatten(1))

    def predict_proba(self, x):
        return self.forward(x).softmax(-1)


def iterate(X, y, batch_size):
    order = torch.randperm(len(X))
    for i in range(0, len(X), batch_size):
        yield X[order[i:i + batch_size]], y[order[i:i + batch_size]]


X, y = load_digits(return_X_y=True)
X_tr, X_te, y_tr, y_te = train_test_split(X / 16, y, test_size=0.3, random_state=8, stratify=y)
X_tr, X_te = (torch.tensor(a).float().view(-1, 1, 8, 8) for a in (X_tr, X_te))
y_tr, y_te = torch.tensor(y_tr), torch.tensor(y_te)

model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
criterion = nn.CrossEntropyLoss()

for epoch in range(12):
    losses = []
    model.train()
    for xb, yb in iterate(X_tr, y_tr, 32):
        p = model.predict_proba(xb)
        loss = criterion(p, yb)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    with torch.no_grad():
        acc = (model.predict_proba(X_te).argmax(1) == y_te).float().mean().item()
    print(f"epoch {epoch + 1}: loss {sum(losses) / len(losses):.4f} acc {acc:.4f}")
print(f"test accuracy: {acc:.4f}")
