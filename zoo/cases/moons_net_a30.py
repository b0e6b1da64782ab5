import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from sklearn.datasets import make_moons


class MoonNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin1 = nn.Linear(2, 32)
        self.lin2 = nn.Linear(32, 32)
        self.lin3 = nn.Linear(32, 2)

    def forward(self, x):
        x = torch.relu(self.lin1(x))
        x = torch.relu(self.lin2(x))
        return self.lin3(x)


def main():
    torch.manual_seed(3)
    np.random.seed(3)
    X, y = make_moons(n_samples=4000, noise=0.15)
    X = torch.tensor((X - X.mean(0)) / X.std(0), dtype=torch.float32)
    y = torch.tensor(y)
    X_train, y_train, X_test, y_test = X[:3000], y[:3000], X[3000:], y[3000:]

    net = MoonNet()
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.SGD(net.parameters(), lr=0.1)
    for epoch in range(100):
        optimizer.zero_grad()
        loss = criterion(net(X_train), y_train)
        loss.backward()
        optimizer.step()
        if epoch % 10 == 9:
            print("epoch", epoch + 1, "loss", round(loss.item(), 4))

    with torch.no_grad():
        out = net(X_test)
    print("test loss", round(criterion(out, y_test).item(), 4))
    print("test accuracy", round((out.argmax(1) == y_test).float().mean().item(), 4))


if __name__ == "__main__":
    main()
