"""Fine-tune-style script: feature extractor plus classifier on 8x8 images."""
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split


class Features(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv_a = nn.Conv2d(1, 6, 3, padding=1)
        self.conv_b = nn.Conv2d(6, 8, 3, stride=2, padding=1)
        self.conv_c = nn.Conv2d(8, 8, 3, stride=2, padding=1)

    def forward(self, x):
        for conv in (self.conv_a, self.conv_b, self.conv_c):
            x = conv(x).relu()
        return x.flatten(1)


class Classifier(nn.Module):
    def __init__(self, features, n_classes=10):
        super().__init__()
        self.features = features
        self.head = nn.Sequential(nn.Linear(32, 24), nn.ReLU(), nn.Linear(24, n_classes))

    def forward(self, x):
        return self.head(self.features(x))


def accuracy(model, loader):
    model.eval()
    right = total = 0
    with torch.no_grad():
        for images, labels in loader:
            right += (model(images).argmax(1) == labels).sum().item()
            total += len(labels)
    return right / total


if __name__ == "__main__":
    torch.manual_seed(2024)
    digits = load_digits()
    everything = TensorDataset(torch.tensor(digits.images / 8 - 1, dtype=torch.float32).unsqueeze(1),
                               torch.tensor(digits.target))
    train_part, test_part = random_split(everything, [1437, 360])
    train_loader = DataLoader(train_part, batch_size=32, shuffle=True)
    test_loader = DataLoader(test_part, batch_size=360)

    model = Classifier(Features())
    optimizer = torch.optim.Adam(model.head.parameters(), lr=2e-3)
    loss_fn = nn.CrossEntropyLoss()

    for epoch in range(15):
        model.train()
        for images, labels in train_loader:
            loss = loss_fn(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch + 1:2d} loss {loss.item():.4f} test accuracy {accuracy(model, test_loader):.4f}")
