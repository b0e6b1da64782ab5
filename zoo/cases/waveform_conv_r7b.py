import argparse
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=11)
parser.add_argument("--bs", type=int, default=50)
parser.add_argument("--lr", type=float, default=0.01)
args = parser.parse_args()

torch.manual_seed(7)
np.random.seed(7)

SHAPES = ["sine", "square", "saw", "triangle", "chirp", "am", "pulse", "steps"]


def wave(kind, n=96):
    t = np.linspace(0, 1, n)
    f = np.random.uniform(3, 6)
    ph = np.random.uniform(0, 1)
    u = (f * t + ph) % 1.0
    if kind == "sine":
        s = np.sin(2 * np.pi * u)
    elif kind == "square":
        s = np.sign(np.sin(2 * np.pi * u))
    elif kind == "saw":
        s = 2 * u - 1
    elif kind == "triangle":
        s = 4 * np.abs(u - 0.5) - 1
    elif kind == "chirp":
        s = np.sin(2 * np.pi * (f * t + 2 * f * t ** 2 + ph))
    elif kind == "am":
        s = np.sin(2 * np.pi * (12 * t + ph)) * np.sin(2 * np.pi * f / 3 * t)
    elif kind == "pulse":
        s = np.where(u < 0.15, 1.8, -0.3)
    else:
        s = np.floor(4 * u) / 1.5 - 1
    return np.random.uniform(0.7, 1.3) * s + 0.15 * np.random.randn(n)


def make_set(n):
    labels = np.random.randint(0, len(SHAPES), n)
    sig = np.stack([wave(SHAPES[k]) for k in labels])
    return torch.from_numpy(sig).float().unsqueeze(1), torch.from_numpy(labels).long()


x_train, y_train = make_set(3000)
x_test, y_test = make_set(1000)


class WaveNet1d(nn.Module):
    def __init__(self, n_classes):
        super().__init__()
        self.conv1 = nn.Conv1d(1, 16, 9, padding=4)
        self.conv2 = nn.Conv1d(16, 32, 5, padding=2)
        self.fc1 = nn.Linear(32 * 12, 64)
        self.fc2 = nn.Linear(64, n_classes)

    def forward(self, x):
        x = F.max_pool1d(F.relu(self.conv1(x)), 2)
        x = F.max_pool1d(F.relu(self.conv2(x)), 4)
        x = F.relu(self.fc1(x.flatten(1)))
        return F.softmax(self.fc2(x), dim=1)


def accuracy(net, x, y):
    with torch.no_grad():
        return (net(x).argmax(1) == y).float().mean().item()


net = WaveNet1d(len(SHAPES))
sgd = torch.optim.SGD(net.parameters(), lr=args.lr, momentum=0.9)

for ep in range(args.epochs):
    order = torch.randperm(len(x_train))
    total = 0.0
    for idx in order.split(args.bs):
        loss = F.cross_entropy(net(x_train[idx]), y_train[idx])
        sgd.zero_grad()
        loss.backward()
        sgd.step()
        total += loss.item() * len(idx)
    print("epoch %2d | loss %.4f | test acc %.3f" % (ep, total / len(x_train), accuracy(net, x_test, y_test)))

print("final test accuracy = %.3f" % accuracy(net, x_test, y_test))
