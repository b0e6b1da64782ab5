# Convolutional network on 8x8 digits, longer run.
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(123)

X, y = load_digits(return_X_y=True)
X = X.reshape(-1, 1, 8, 8).astype("float32") / 16.0
X_tr, X_va, y_tr, y_va = train_test_split(X, y, test_size=0.4, random_state=5, stratify=y)
X_tr, X_va = torch.from_numpy(X_tr), torch.from_numpy(X_va)
y_tr, y_va = torch.from_numpy(y_tr), torch.from_numpy(y_va)
loader = DataLoader(TensorDataset(X_tr, y_tr), batch_size=64, shuffle=True)


class DigitNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, kernel_size=3)
        self.conv2 = nn.Conv2d(16, 32, kernel_size=3)
        self.fc = nn.Linear(32 * 2 * 2, 10)

    def forward(self, x):
        x = F.relu(self.conv1(x))
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.fc(x.flatten(1))


net = DigitNet()
opt = torch.optim.Adam(net.parameters(), lr=4e-3)
history = {"train": [], "val": [], "acc": []}
for epoch in range(70):
    running = 0.0
    for xb, yb in loader:
        opt.zero_grad()
        loss = F.cross_entropy(net(xb), yb)
        loss.backward()
        opt.step()
        running += loss.item() * len(xb)
    with torch.no_grad():
        out = net(X_va)
    history["train"].append(running / len(X_tr))
    history["val"].append(F.cross_entropy(out, y_va).item())
    history["acc"].append((out.argmax(1) == y_va).float().mean().item())
    if epoch % 5 == 4:
        print(f"epoch {epoch + 1}: " + ", ".join(f"{k} {v[-1]:.4f}" for k, v in history.items()))

print(f"best validation loss {min(history['val']):.4f}")
print(f"Validation accuracy: {history['acc'][-1]:.4f}")
