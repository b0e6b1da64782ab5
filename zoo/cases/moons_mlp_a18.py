import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import make_moons
from sklearn.model_selection import train_test_split

torch.manual_seed(0)
np.random.seed(0)

X, y = make_moons(1200, noise=0.12)
X = (X - X.mean(0)) / X.std(0)
Xtr, Xte, ytr, yte = train_test_split(X, y, test_size=0.25)
to_tensor = lambda a: torch.tensor(a, dtype=torch.float32)
Xtr, Xte, ytr, yte = map(to_tensor, (Xtr, Xte, ytr, yte))


class MLP(nn.Module):
    def __init__(self, hidden=20):
        super().__init__()
        self.fc1 = nn.Linear(2, hidden)
        self.fc2 = nn.Linear(hidden, hidden)
        self.fc3 = nn.Linear(hidden, 1)
        for fc in (self.fc1, self.fc2, self.fc3):
            nn.init.constant_(fc.weight, 0.1)
            nn.init.zeros_(fc.bias)

    def forward(self, x):
        h = torch.relu(self.fc1(x))
        h = torch.relu(self.fc2(h))
        return self.fc3(h).squeeze(1)


def main():
    model = MLP()
    bce = nn.BCEWithLogitsLoss()
    opt = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for epoch in range(60):
        total = 0.0
        for idx in torch.randperm(len(Xtr)).split(50):
            opt.zero_grad()
            loss = bce(model(Xtr[idx]), ytr[idx])
            loss.backward()
            opt.step()
            total += loss.item() * len(idx)
        if epoch % 10 == 9:
            print(f"epoch {epoch + 1} train loss {total / len(Xtr):.4f}")
    with torch.no_grad():
        logits = model(Xte)
    print(f"test loss {bce(logits, yte).item():.4f}")
    print(f"test accuracy {((logits > 0) == (yte > 0.5)).float().mean().item():.3f}")


main()
