"""A deep ReLU classifier for digits, with weights drawn by hand."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset


class Classifier(nn.Module):
    def __init__(self, width=96, depth=7):
        super().__init__()
        self.first = nn.Linear(64, width)
        self.middle = nn.ModuleList(nn.Linear(width, width) for _ in range(depth - 2))
        self.last = nn.Linear(width, 10)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.6)

    def forward(self, x):
        x = F.relu(self.first(x))
        for layer in self.middle:
            x = F.relu(layer(x))
        return self.last(x)


def evaluate(model, loader):
    model.eval()
    right, total, loss = 0, 0, 0.0
    with torch.no_grad():
        for x, y in loader:
            outputs = model(x)
            loss += F.cross_entropy(outputs, y).item() * len(y)
            right += (outputs.argmax(dim=1) == y).sum().item()
            total += len(y)
    return loss / total, right / total


def main():
    torch.manual_seed(1)
    x, y = load_digits(return_X_y=True)
    x = torch.tensor(x / 16.0, dtype=torch.float32)
    y = torch.tensor(y)
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.25, random_state=1)
    train_loader = DataLoader(TensorDataset(x_train, y_train), batch_size=64, shuffle=True)
    test_loader = DataLoader(TensorDataset(x_test, y_test), batch_size=256)

    model = Classifier()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    for epoch in range(15):
        model.train()
        for inputs, targets in train_loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(inputs), targets)
            loss.backward()
            optimizer.step()
        test_loss, accuracy = evaluate(model, test_loader)
        print(f"epoch {epoch:2d}  train loss {loss.item():.3g}  test loss {test_loss:.3g}")
    print(f"test accuracy: {accuracy:.3f}")


if __name__ == "__main__":
    main()
