"""Read semaphore: two flag arms drawn on a small picture, eight letters."""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

SIZE = 16
# arm directions in steps of 45 degrees, 0 = down, counted clockwise
LETTERS = {"A": (0, 1), "D": (0, 4), "H": (1, 2), "J": (4, 6), "L": (1, 5), "R": (2, 6), "T": (3, 4), "V": (4, 7)}


def draw(rng, arms):
    yy, xx = np.mgrid[0:SIZE, 0:SIZE]
    cy, cx = SIZE / 2 - 0.5 + rng.uniform(-1, 1, 2)
    tilt = rng.normal(0, 0.1)
    reach = rng.uniform(5.5, 7.5)
    image = np.zeros((SIZE, SIZE))
    for arm in arms:
        angle = arm * np.pi / 4 + tilt
        dy, dx = np.cos(angle), -np.sin(angle)
        along = np.clip((yy - cy) * dy + (xx - cx) * dx, 0, reach)
        distance = np.hypot(yy - cy - along * dy, xx - cx - along * dx)
        image = np.maximum(image, np.exp(-(distance / 0.9) ** 2))
    return image + rng.normal(0, 0.4, image.shape)


def pictures(rng, n):
    labels = rng.integers(0, len(LETTERS), n)
    poses = list(LETTERS.values())
    images = np.stack([draw(rng, poses[k]) for k in labels])
    return torch.tensor(images, dtype=torch.float32).unsqueeze(1), torch.tensor(labels)


class Block(nn.Module):
    def __init__(self, c_in, c_out, stride):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(c_in, c_out, 3, stride, 1, bias=False), nn.BatchNorm2d(c_out), nn.ReLU(),
            nn.Conv2d(c_out, c_out, 3, 1, 1, bias=False), nn.BatchNorm2d(c_out),
        )
        self.shortcut = nn.Sequential(nn.Conv2d(c_in, c_out, 1, stride, bias=False), nn.BatchNorm2d(c_out))

    def forward(self, x):
        return torch.relu(self.body(x) + self.shortcut(x))


def accuracy(net, loader):
    net.eval()
    with torch.no_grad():
        return np.mean(np.concatenate([(net(x).argmax(1) == y).numpy() for x, y in loader]))


def main():
    torch.manual_seed(31)
    rng = np.random.default_rng(31)
    x, y = pictures(rng, 2600)
    x = (x - x[:2000].mean()) / x[:2000].std()
    train = DataLoader(TensorDataset(x[:2000], y[:2000]), batch_size=50, shuffle=True)
    test = DataLoader(TensorDataset(x[2000:], y[2000:]), batch_size=300)

    net = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(),
        Block(8, 16, 2), Block(16, 32, 2),
        nn.Flatten(), nn.Linear(32 * 16, len(LETTERS)),
    )
    epochs = 6
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.05, epochs=epochs, steps_per_epoch=len(train))
    criterion = nn.CrossEntropyLoss()

    for epoch in range(epochs):
        net.train()
        total = 0.0
        for images, labels in train:
            optimizer.zero_grad()
            loss = criterion(net(images), labels)
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        print(f"epoch {epoch}: lr {schedule.get_last_lr()[0]:.4f} loss {total / len(train):.4f} test acc {accuracy(net, test):.3f}")
    print(f"letters read correctly: {accuracy(net, test):.4f}")


if __name__ == "__main__":
    main()
