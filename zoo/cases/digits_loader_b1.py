import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, Dataset


class DigitFolders(Dataset):
    """Reads the digits as if from folders 0/, 1/, ..., 9/."""

    def __init__(self, train=True):
        digits = load_digits()
        images, targets = [], []
        for label in range(10):
            rows = np.where(digits.target == label)[0]
            cut = int(0.8 * len(rows))
            rows = rows[:cut] if train else rows[cut:]
            images.extend(digits.data[rows] / 8 - 1)
            targets.extend([label] * len(rows))
        self.images = torch.tensor(np.array(images), dtype=torch.float32)
        self.targets = torch.tensor(targets)

    def __len__(self):
        return len(self.targets)

    def __getitem__(self, i):
        return self.images[i], self.targets[i]


def main():
    torch.manual_seed(7)
    train_loader = DataLoader(DigitFolders(True), batch_size=16)
    test_loader = DataLoader(DigitFolders(False), batch_size=400)
    net = nn.Sequential(nn.Linear(64, 50), nn.ReLU(), nn.Linear(50, 10))
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.SGD(net.parameters(), lr=0.05)
    for epoch in range(15):
        net.train()
        running_loss = 0.0
        for inputs, labels in train_loader:
            optimizer.zero_grad()
            loss = criterion(net(inputs), labels)
            loss.backward()
            optimizer.step()
            running_loss += loss.item()
        net.eval()
        correct = total = 0
        with torch.no_grad():
            for inputs, labels in test_loader:
                correct += (net(inputs).argmax(1) == labels).sum().item()
                total += len(labels)
        print(f"epoch {epoch + 1} loss {running_loss / len(train_loader):.3f} accuracy {correct / total:.3f}")
    print(f"test accuracy: {correct / total:.3f}")


if __name__ == "__main__":
    main()
