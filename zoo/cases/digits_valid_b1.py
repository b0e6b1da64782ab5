import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

torch.manual_seed(50)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(64, 64)
        self.fc2 = nn.Linear(64, 32)
        self.fc3 = nn.Linear(32, 10)
        self.drop = nn.Dropout(0.5)

    def forward(self, x):
        x = self.drop(F.relu(self.fc1(x)))
        x = self.drop(F.relu(self.fc2(x)))
        return self.fc3(x)


X, y = load_digits(return_X_y=True)
X_train, X_val, y_train, y_val = train_test_split(X / 16.0, y, test_size=0.3, random_state=5, stratify=y)
X_train, X_val = torch.Tensor(X_train), torch.Tensor(X_val)
y_train, y_val = torch.LongTensor(y_train), torch.LongTensor(y_val)

model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=0.002)

model.train()
for epoch in range(40):
    losses = []
    for rows in torch.randperm(len(X_train)).split(32):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(X_train[rows]), y_train[rows])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    # validation
    with torch.no_grad():
        logits = model(X_val)
        val_loss = F.cross_entropy(logits, y_val).item()
        val_acc = (logits.argmax(1) == y_val).float().mean().item()
    print(f"epoch {epoch + 1}/40 train_loss {sum(losses) / len(losses):.4f} val_loss {val_loss:.4f} val_acc {val_acc:.4f}")
print(f"validation accuracy: {val_acc:.4f}")
