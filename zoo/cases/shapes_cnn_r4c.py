# Small CNN that tells apart drawn shapes (disc, square, cross, frame) on 16x16 images.
import numpy as np
import torch
import torch.nn as nn


def draw(kind, rng):
    img = np.zeros((16, 16), dtype=np.float32)
    cy, cx = rng.integers(5, 11, size=2)
    r = rng.integers(3, 6)
    yy, xx = np.mgrid[:16, :16]
    dy, dx = np.abs(yy - cy), np.abs(xx - cx)
    if kind == 0:
        img[dy ** 2 + dx ** 2 <= r ** 2] = 1
    elif kind == 1:
        img[(dy <= r - 1) & (dx <= r - 1)] = 1
    elif kind == 2:
        img[((dy == 0) & (dx <= r)) | ((dx == 0) & (dy <= r))] = 1
    else:
        img[np.maximum(dy, dx) == r] = 1
    return img + 0.2 * rng.standard_normal((16, 16)).astype(np.float32)


def make_set(n, rng):
    labels = rng.integers(0, 4, size=n)
    images = np.stack([draw(k, rng) for k in labels])[:, None]
    return torch.from_numpy((images - 0.2) / 0.45), torch.from_numpy(labels)


class ShapeCNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        )
        self.classifier = nn.Sequential(nn.Flatten(), nn.Linear(16 * 4 * 4, 32), nn.ReLU(), nn.Linear(32, 4))

    def forward(self, x):
        return self.classifier(self.features(x))


def main():
    torch.manual_seed(8)
    rng = np.random.default_rng(8)
    train_x, train_y = make_set(2000, rng)
    test_x, test_y = make_set(500, rng)

    model = ShapeCNN()
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-5, momentum=0.9)

    for epoch in range(8):
        model.train()
        total = 0
        for batch in torch.randperm(len(train_x)).split(32):
            optimizer.zero_grad()
            loss = criterion(model(train_x[batch]), train_y[batch])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)
        print("Epoch", epoch + 1, "train loss %.4f" % (total / len(train_x)))

    model.eval()
    with torch.no_grad():
        correct = (model(test_x).argmax(1) == test_y).sum().item()
    print("Accuracy on %d test images: %.1f %%" % (len(test_x), 100 * correct / len(test_x)))


if __name__ == "__main__":
    main()
