"""Classify small noisy pictures of geometric shapes."""
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset, random_split

SIZE = 16
NAMES = ["disc", "ring", "square", "cross", "triangle", "stripes"]

rng = np.random.default_rng(42)
torch.manual_seed(42)


def draw(kind):
    rows, cols = np.mgrid[0:SIZE, 0:SIZE]
    cy, cx = rng.uniform(6.0, 9.0, 2)
    r = rng.uniform(3.5, 5.5)
    dy, dx = rows - cy, cols - cx
    dist = np.hypot(dy, dx)
    if kind == "disc":
        mask = dist < r
    elif kind == "ring":
        mask = np.abs(dist - r) < 1.0
    elif kind == "square":
        mask = (np.abs(dy) < r * 0.8) & (np.abs(dx) < r * 0.8)
    elif kind == "cross":
        mask = ((np.abs(dy) < 1.2) | (np.abs(dx) < 1.2)) & (np.maximum(np.abs(dy), np.abs(dx)) < r)
    elif kind == "triangle":
        mask = (dy < r * 0.7) & (dy > 2.0 * np.abs(dx) - r)
    else:
        mask = (rows + int(cy)) % 4 < 2
    return mask + rng.normal(0.0, 0.25, (SIZE, SIZE))


labels = rng.integers(0, len(NAMES), 2400)
images = np.stack([draw(NAMES[k]) for k in labels])
images = (images - images.mean()) / images.std()
dataset = TensorDataset(torch.from_numpy(images).float().unsqueeze(1), torch.from_numpy(labels))
train_set, test_set = random_split(dataset, [2000, 400])
train_loader = DataLoader(train_set, batch_size=50, shuffle=True)
test_loader = DataLoader(test_set, batch_size=200)


class ShapeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 12, 3, padding=1)
        self.conv2 = nn.Conv2d(12, 24, 3, padding=1)
        self.fc1 = nn.Linear(24 * 4 * 4, 64)
        self.fc2 = nn.Linear(64, len(NAMES))

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = x.flatten(1)
        x = F.relu(self.fc1(x))
        return self.fc2(x)


device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
model = ShapeNet().to(device)
optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
criterion = nn.CrossEntropyLoss()


def train(epoch):
    model.train()
    running = 0.0
    for step, (data, target) in enumerate(train_loader):
        data, target = data.to(device), target.to(device)
        optimizer.zero_grad()
        loss = criterion(model(data), target)
        loss.backward()
        optimizer.step()
        running += loss.item()
        if step % 20 == 19:
            print(f"[{epoch}, {step + 1:3d}] loss: {running / 20:.4f}")
            running = 0.0


def test():
    model.eval()
    correct = 0
    with torch.no_grad():
        for data, target in test_loader:
            correct += (model(data.to(device)).argmax(1).cpu() == target).sum().item()
    return correct / len(test_set)


for epoch in range(1, 9):
    train(epoch)
    print(f"epoch {epoch}: test accuracy {test():.3f}")

print(f"Final accuracy: {test():.4f}")
