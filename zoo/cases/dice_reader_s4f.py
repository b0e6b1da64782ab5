import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

PIPS = {
    1: [(0, 0)],
    2: [(-1, -1), (1, 1)],
    3: [(-1, -1), (0, 0), (1, 1)],
    4: [(-1, -1), (-1, 1), (1, -1), (1, 1)],
    5: [(-1, -1), (-1, 1), (0, 0), (1, -1), (1, 1)],
    6: [(-1, -1), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 1)],
}


def photograph(eyes, rng, size=16):
    rows, cols = np.mgrid[0:size, 0:size]
    turn = rng.uniform(-0.6, 0.6)
    cy, cx = size / 2 - 0.5 + rng.uniform(-1.2, 1.2, 2)
    step = rng.uniform(3.2, 4.2)
    picture = np.full((size, size), rng.uniform(0.65, 0.85))
    for a, b in PIPS[eyes]:
        y = cy + step * (a * np.cos(turn) - b * np.sin(turn))
        x = cx + step * (a * np.sin(turn) + b * np.cos(turn))
        picture -= 0.5 * np.exp(-((rows - y) ** 2 + (cols - x) ** 2) / 1.8)
    return (picture + rng.normal(0, 0.06, picture.shape)).clip(0, 1)


def dataset(n, rng):
    eyes = rng.integers(1, 7, n)
    pictures = np.stack([photograph(e, rng) for e in eyes])
    return torch.tensor(pictures, dtype=torch.float32).unsqueeze(1), torch.tensor(eyes - 1)


class DiceReader(nn.Module):
    def __init__(self, momentum=0.001):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 12, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(12, momentum=momentum)
        self.conv2 = nn.Conv2d(12, 24, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(24, momentum=momentum)
        self.fc = nn.Linear(24 * 4 * 4, 6)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 2)
        x = F.max_pool2d(F.relu(self.bn2(self.conv2(x))), 2)
        return self.fc(x.flatten(1))


rng = np.random.default_rng(66)
torch.manual_seed(66)
images, eyes = dataset(1600, rng)
held_images, held_eyes = dataset(400, rng)

reader = DiceReader()
optimizer = torch.optim.Adam(reader.parameters(), lr=1e-3)

for epoch in range(6):
    reader.train()
    seen, right = 0, 0
    for batch in torch.randperm(len(images)).split(40):
        logits = reader(images[batch])
        loss = F.cross_entropy(logits, eyes[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        right += (logits.argmax(1) == eyes[batch]).sum().item()
        seen += len(batch)
    reader.eval()
    with torch.no_grad():
        held = reader(held_images)
    print(f"epoch {epoch + 1}/6  train {right / seen:.3f}  held-out {(held.argmax(1) == held_eyes).float().mean():.3f}"
          f"  held-out loss {F.cross_entropy(held, held_eyes):.3f}")

print(f"dice read correctly: {(held.argmax(1) == held_eyes).float().mean().item():.3f}")
