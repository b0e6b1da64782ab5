import numpy as np
import torch
from torch import nn, optim
import torch.nn.functional as F
from sklearn.datasets import load_digits

torch.manual_seed(45)
np.random.seed(45)

# three classes of handwriting: 1, 7 and 8
digits = load_digits()
rng = np.random.RandomState(0)
train_rows, test_rows = [], []
for label, n in ((1, 5), (7, 5), (8, 120)):
    rows = rng.permutation(np.where(digits.target == label)[0])
    train_rows.append(rows[50:50 + n])
    test_rows.append(rows[:50])
train_rows, test_rows = np.concatenate(train_rows), np.concatenate(test_rows)
code = {1: 0, 7: 1, 8: 2}
X = torch.tensor(digits.data / 16, dtype=torch.float32)
y = torch.tensor([code.get(t, -1) for t in digits.target])


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.l1 = nn.Linear(64, 20)
        self.l2 = nn.Linear(20, 3)

    def forward(self, x):
        return self.l2(F.relu(self.l1(x)))


net = Net()
optimizer = optim.SGD(net.parameters(), lr=0.02, weight_decay=1e-3)
for epoch in range(30):
    np.random.shuffle(train_rows)
    for k in range(0, len(train_rows), 10):
        rows = train_rows[k:k + 10]
        optimizer.zero_grad()
        loss = F.cross_entropy(net(X[rows]), y[rows])
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        train_acc = (net(X[train_rows]).argmax(1) == y[train_rows]).float().mean().item()
    print(f"epoch {epoch}: train accuracy {train_acc:.3f}")

with torch.no_grad():
    test_acc = (net(X[test_rows]).argmax(1) == y[test_rows]).float().mean().item()
print(f"test accuracy: {test_acc:.4f}")
