import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(29)
rng = np.random.default_rng(29)

# Textures: six orientations of a grating with random frequency, phase and contrast.
yy, xx = np.mgrid[:12, :12] / 12.0


def textures(n):
    label = rng.integers(0, 6, n)
    angle = (label * np.pi / 6 + rng.uniform(-0.12, 0.12, n))[:, None, None]
    freq = rng.uniform(1.5, 3.0, (n, 1, 1))
    phase = rng.uniform(0, 2 * np.pi, (n, 1, 1))
    wave = np.sin(2 * np.pi * freq * (np.cos(angle) * xx + np.sin(angle) * yy) + phase)
    image = rng.uniform(0.8, 1.6, (n, 1, 1)) * wave + 0.3 * rng.standard_normal((n, 12, 12))
    return torch.tensor(image[:, None], dtype=torch.float32), torch.tensor(label)


class ResidualBlock(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)
        nn.init.zeros_(self.norm2.weight)

    def forward(self, x):
        out = F.relu(self.norm1(self.conv1(x)))
        out = self.norm2(self.conv2(out))
        return F.relu(x + out)


class TextureNet(nn.Module):
    def __init__(self, channels=16, blocks=3):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, channels, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(channels), nn.ReLU())
        self.blocks = nn.Sequential(*(ResidualBlock(channels) for _ in range(blocks)))
        self.fc = nn.Linear(channels, 6)

    def forward(self, x):
        return self.fc(self.blocks(self.stem(x)).mean(dim=(2, 3)))


def test(model, x, y):
    model.eval()
    with torch.no_grad():
        out = model(x)
    return F.cross_entropy(out, y).item(), (out.argmax(1) == y).float().mean().item()


x_train, y_train = textures(3000)
x_test, y_test = textures(600)

model = TextureNet()
epochs = 5
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.05, epochs=epochs, steps_per_epoch=60)

for epoch in range(epochs):
    model.train()
    total = 0.0
    for rows in torch.randperm(3000).split(50):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x_train[rows]), y_train[rows])
        loss.backward()
        optimizer.step()
        scheduler.step()
        total += loss.item()
    test_loss, test_acc = test(model, x_test, y_test)
    print(f"epoch {epoch + 1}/{epochs}: train loss {total / 60:.4f}, test loss {test_loss:.4f}, test acc {test_acc:.4f}")

print(f"Final test accuracy {test_acc:.4f}")
