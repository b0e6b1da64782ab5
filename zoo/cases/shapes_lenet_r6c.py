import math

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

rng = np.random.default_rng(12)
torch.manual_seed(12)

SIDE = 16
KINDS = ["disc", "square", "cross", "ring", "stripe"]


def draw(kind):
    yy, xx = np.mgrid[0:SIDE, 0:SIDE]
    cx, cy = rng.uniform(6, 10, 2)
    r = rng.uniform(3.5, 5.5)
    dist = np.hypot(xx - cx, yy - cy)
    if kind == "disc":
        img = dist < r
    elif kind == "square":
        img = (abs(xx - cx) < r * 0.85) & (abs(yy - cy) < r * 0.85)
    elif kind == "cross":
        img = ((abs(xx - cx) < 1.3) & (abs(yy - cy) < r)) | ((abs(yy - cy) < 1.3) & (abs(xx - cx) < r))
    elif kind == "ring":
        img = abs(dist - r) < 1.1
    else:
        a = rng.uniform(0, math.pi)
        img = abs((xx - cx) * math.cos(a) + (yy - cy) * math.sin(a)) < 1.3
    return img * rng.uniform(0.7, 1.0) + 0.12 * rng.standard_normal((SIDE, SIDE))


labels = rng.integers(0, len(KINDS), 1800)
images = np.stack([draw(KINDS[k]) for k in labels])
images = torch.tensor(images, dtype=torch.float32).unsqueeze(1)
labels = torch.tensor(labels)
train_x, train_y = images[:1500], labels[:1500]
test_x, test_y = images[1500:], labels[1500:]

act = torch.sigmoid


class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 2 * 2, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 84)
        self.fc4 = nn.Linear(84, 5)

    def forward(self, x):
        x = F.avg_pool2d(act(self.conv1(x)), 2)
        x = F.avg_pool2d(act(self.conv2(x)), 2)
        x = x.flatten(1)
        x = act(self.fc1(x))
        x = act(self.fc2(x))
        x = act(self.fc3(x))
        return self.fc4(x)


net = LeNet()
optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)

for epoch in range(25):
    perm = torch.randperm(len(train_x))
    losses = []
    for k in range(0, len(train_x), 50):
        i = perm[k:k + 50]
        loss = F.cross_entropy(net(train_x[i]), train_y[i])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        acc = (net(test_x).argmax(1) == test_y).float().mean().item()
    print(f"[{epoch + 1:02d}] loss={np.mean(losses):.4f} test_acc={acc:.3f}")

print(f"accuracy on the test images: {acc:.3f}")
