"""Scanned digits, one folder per class."""
import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn, optim
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(8)


class ScanFolder(Dataset):
    """Behaves like a folder of folders: `0/…`, `1/…`, up to `9/…`."""

    def __init__(self, part):
        digits = load_digits()
        self.files = []
        for label in range(10):
            scans = digits.images[digits.target == label]
            every_fifth = np.arange(len(scans)) % 5 == 0
            chosen = scans[every_fifth] if part == "test" else scans[~every_fifth]
            self.files.extend((scan, label) for scan in chosen)

    def __len__(self):
        return len(self.files)

    def __getitem__(self, i):
        scan, label = self.files[i]
        return torch.from_numpy(scan.astype(np.float32) / 8.0 - 1.0).flatten(), label


train_set, test_set = ScanFolder("train"), ScanFolder("test")
train_loader = DataLoader(train_set, batch_size=32)
test_loader = DataLoader(test_set, batch_size=128)

net = nn.Sequential(nn.Linear(64, 96), nn.ReLU(), nn.Linear(96, 48), nn.ReLU(), nn.Linear(48, 10))
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(net.parameters(), lr=0.015, momentum=0.9)

for epoch in range(15):
    net.train()
    running_loss, seen = 0.0, 0
    for inputs, targets in train_loader:
        optimizer.zero_grad()
        loss = criterion(net(inputs), targets)
        loss.backward()
        optimizer.step()
        running_loss += loss.item() * len(targets)
        seen += len(targets)

    net.eval()
    correct = 0
    with torch.no_grad():
        for inputs, targets in test_loader:
            correct += (net(inputs).argmax(dim=1) == targets).sum().item()
    print(f"Epoch {epoch + 1}: loss={running_loss / seen:.4f} test_acc={correct / len(test_set):.4f}")
