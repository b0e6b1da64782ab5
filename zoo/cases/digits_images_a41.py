import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, Dataset


class DigitImages(Dataset):
    """8-bit grey pictures, flattened."""

    def __init__(self, rows):
        digits = load_digits()
        self.pixels = np.clip(digits.images * 16, 0, 255).astype(np.uint8)[rows]
        self.labels = digits.target[rows]

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        x = torch.from_numpy(self.pixels[index].reshape(-1)).float()
        return x, int(self.labels[index])


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(64, 128)
        self.drop = nn.Dropout(0.2)
        self.fc2 = nn.Linear(128, 64)
        self.fc3 = nn.Linear(64, 10)

    def forward(self, x):
        x = self.drop(F.relu(self.fc1(x)))
        x = F.relu(self.fc2(x))
        return self.fc3(x)


if __name__ == "__main__":
    torch.manual_seed(20)
    np.random.seed(20)
    rows = np.random.permutation(1797)
    train_loader = DataLoader(DigitImages(rows[:1400]), batch_size=32, shuffle=True)
    test_loader = DataLoader(DigitImages(rows[1400:]), batch_size=397)
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    for epoch in range(10):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            x, y = next(iter(test_loader))
            acc = (model(x).argmax(1) == y).float().mean().item()
        print(f"epoch {epoch + 1}: last batch loss {loss.item():.4f}, test accuracy {acc:.3f}")
