import torch
from torch import nn
from torch.optim import Adam
from sklearn.datasets import make_moons

torch.manual_seed(77)


class Body(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(2, 6)
        self.b = nn.Linear(6, 6)

    def forward(self, x):
        return torch.relu(self.b(torch.relu(self.a(x))))


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = Body()
        self.head = nn.Linear(6, 2)

    def forward(self, x):
        return self.head(self.body(x))


X, y = make_moons(800, noise=0.1, random_state=5)
X, y = torch.as_tensor(X, dtype=torch.float), torch.as_tensor(y)
X = (X - X.mean(0)) / X.std(0)
X_train, X_val, y_train, y_val = X[:600], X[600:], y[:600], y[600:]

clf = Classifier()
ce = nn.CrossEntropyLoss()
opt = Adam(clf.head.parameters(), lr=0.01)

for epoch in range(50):
    clf.train()
    for sel in torch.randperm(600).chunk(20):
        opt.zero_grad()
        loss = ce(clf(X_train[sel]), y_train[sel])
        loss.backward()
        opt.step()
    clf.eval()
    with torch.no_grad():
        train_loss = ce(clf(X_train), y_train).item()
        val_loss = ce(clf(X_val), y_val).item()
    print(f"[{epoch:02d}] train_loss={train_loss:.4f} val_loss={val_loss:.4f}")
