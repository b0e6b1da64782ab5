import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(8)
gen = np.random.default_rng(8)

SIZE = 14
names = ['ring', 'square', 'cross', 'triangle', 'bars']


def draw(kind):
    img = np.zeros((SIZE, SIZE), dtype=np.float32)
    r = gen.integers(3, 6)
    cy, cx = gen.integers(r, SIZE - r, size=2)
    yy, xx = np.mgrid[:SIZE, :SIZE]
    dy, dx = yy - cy, xx - cx
    inside = (abs(dy) <= r) & (abs(dx) <= r)
    if kind == 0:
        img[abs(np.sqrt(dy ** 2 + dx ** 2) - r + 0.5) < 0.8] = 1
    elif kind == 1:
        img[inside & ((abs(dy) == r) | (abs(dx) == r))] = 1
    elif kind == 2:
        img[inside & ((dy == 0) | (dx == 0))] = 1
    elif kind == 3:
        img[inside & (abs(dx) <= (dy + r) // 2)] = 1
    else:
        img[inside & (dy % 2 == 0)] = 1
    return img


def batch_of(n):
    labels = gen.integers(0, len(names), size=n)
    images = np.stack([draw(k) for k in labels])
    images = images * gen.uniform(0.6, 1.0, size=(n, 1, 1)) + gen.normal(0, 0.15, size=images.shape)
    return torch.tensor(images, dtype=torch.float32)[:, None], torch.tensor(labels)


class SymbolNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 12, 3, padding=1)
        self.conv2 = nn.Conv2d(12, 24, 3, padding=1)
        self.fc1 = nn.Linear(24 * 3 * 3, 48)
        self.fc2 = nn.Linear(48, len(names))

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.fc2(F.relu(self.fc1(x.flatten(1))))


train_x, train_y = batch_of(2000)
test_x, test_y = batch_of(500)

net = SymbolNet()
opt = torch.optim.Adam(net.parameters(), lr=2e-3, weight_decay=0.2)

step = 0
for epoch in range(12):
    for idx in torch.randperm(len(train_x)).split(40):
        logits = net(train_x[idx])
        loss = F.cross_entropy(logits, train_y[idx])
        opt.zero_grad()
        loss.backward()
        opt.step()
        step += 1
        if step % 50 == 0:
            print(f'step {step}: loss {loss.item():.4f}')

with torch.no_grad():
    guess = net(test_x).argmax(1)
for k, name in enumerate(names):
    print(f'{name:>9}: {(guess[test_y == k] == k).float().mean():.2f}')
print(f'all symbols: {(guess == test_y).float().mean():.3f}')
