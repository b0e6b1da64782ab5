"""Six kinds of printed tiles, 16x16 RGB photos, small convnet."""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

CLASSES = ["rows", "columns", "diagonal", "checker", "disc", "ring"]
SIZE = 16


def draw(kind, rng):
    yy, xx = np.mgrid[0:SIZE, 0:SIZE].astype(float)
    period = rng.uniform(4.0, 6.0)
    shift = rng.uniform(0, period)
    if kind == 0:
        mask = (yy + shift) % period < period / 2
    elif kind == 1:
        mask = (xx + shift) % period < period / 2
    elif kind == 2:
        mask = (xx + yy + shift) % period < period / 2
    elif kind == 3:
        mask = ((xx + shift) % period < period / 2) ^ ((yy + shift) % period < period / 2)
    else:
        cy, cx = rng.uniform(6, 10, size=2)
        r = np.hypot(yy - cy, xx - cx)
        radius = rng.uniform(4, 6)
        mask = r < radius if kind == 4 else np.abs(r - radius) < 1.2
    fg, bg = rng.uniform(150, 240, 3), rng.uniform(20, 110, 3)
    img = np.where(mask[..., None], fg, bg) + rng.normal(0, 25, (SIZE, SIZE, 3))
    return np.clip(img, 0, 255).astype(np.uint8)


def make_tiles(n, rng):
    labels = rng.integers(0, len(CLASSES), n)
    images = np.stack([draw(k, rng) for k in labels])
    return images, labels


class TileNet(nn.Module):
    def __init__(self, n_classes, p_drop=0.8):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 12, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(p_drop),
            nn.Conv2d(12, 24, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(p_drop),
        )
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Linear(24 * 4 * 4, 64), nn.ReLU(), nn.Dropout(p_drop),
            nn.Linear(64, n_classes),
        )

    def forward(self, x):
        x = self.classifier(self.features(x))
        return torch.softmax(x, dim=1)


def to_tensor(images):
    return torch.from_numpy(images).permute(0, 3, 1, 2).float()


def evaluate(model, loader):
    model.eval()
    correct = total = 0
    with torch.no_grad():
        for x, y in loader:
            correct += (model(x).argmax(1) == y).sum().item()
            total += len(y)
    return correct / total


if __name__ == "__main__":
    torch.manual_seed(3)
    rng = np.random.default_rng(3)
    x_train, y_train = make_tiles(2400, rng)
    x_test, y_test = make_tiles(600, rng)
    train = DataLoader(TensorDataset(to_tensor(x_train), torch.from_numpy(y_train)), batch_size=64, shuffle=True)
    test = DataLoader(TensorDataset(to_tensor(x_test), torch.from_numpy(y_test)), batch_size=200)

    model = TileNet(len(CLASSES))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    criterion = nn.CrossEntropyLoss()

    for epoch in range(10):
        model.train()
        running = 0.0
        for x, y in train:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
            running += loss.item()
        print(f"[{epoch + 1:02d}] loss={running / len(train):.4f} test_acc={evaluate(model, test):.3f}")

    print(f"final test accuracy {evaluate(model, test):.3f}")
