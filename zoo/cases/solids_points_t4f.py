# PointNet in miniature: name the solid a small point cloud was sampled from
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

rng = np.random.default_rng(19)
torch.manual_seed(19)


def ball(n):
    p = rng.normal(size=(n, 3))
    return p / np.linalg.norm(p, axis=1, keepdims=True)


def box(n):
    p = rng.uniform(-0.8, 0.8, (n, 3))
    p[np.arange(n), rng.integers(0, 3, n)] = rng.choice([-0.8, 0.8], n)
    return p


def tube(n):
    a = rng.uniform(0, 2 * np.pi, n)
    return np.column_stack([0.7 * np.cos(a), 0.7 * np.sin(a), rng.uniform(-1, 1, n)])


def cone(n):
    a, h = rng.uniform(0, 2 * np.pi, n), np.sqrt(rng.uniform(0, 1, n))
    return np.column_stack([h * np.cos(a), h * np.sin(a), 1 - 2 * h])


def donut(n):
    a, b = rng.uniform(0, 2 * np.pi, (2, n))
    r = 0.8 + 0.3 * np.cos(b)
    return np.column_stack([r * np.cos(a), r * np.sin(a), 0.3 * np.sin(b)])


SOLIDS = [ball, box, tube, cone, donut]


class Clouds(Dataset):
    def __init__(self, per_solid, n_points=40):
        clouds, names = [], []
        for k, solid in enumerate(SOLIDS):
            for _ in range(per_solid):
                p = solid(n_points) * rng.uniform(0.85, 1.15)
                clouds.append((p + rng.normal(0, 0.04, p.shape)) / 0.6)
                names.append(k)
        self.clouds = torch.tensor(np.array(clouds), dtype=torch.float32)
        self.names = torch.tensor(names)

    def __len__(self):
        return len(self.names)

    def __getitem__(self, i):
        return self.clouds[i], self.names[i]


class MiniPointNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.point = nn.Sequential(nn.Linear(3, 32), nn.ReLU(), nn.Linear(32, 64), nn.ReLU())
        self.cloud = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, len(SOLIDS)))

    def forward(self, p):
        return self.cloud(self.point(p).amax(dim=1))


train_set, test_set = Clouds(200), Clouds(60)
train_loader = DataLoader(train_set, batch_size=25)
test_loader = DataLoader(test_set, batch_size=100)

net = MiniPointNet()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)


def evaluate():
    net.eval()
    hits = 0
    with torch.no_grad():
        for clouds, names in test_loader:
            hits += (net(clouds).argmax(1) == names).sum().item()
    return hits / len(test_set)


for epoch in range(16):
    net.train()
    mean_loss = 0.0
    for clouds, names in train_loader:
        optimizer.zero_grad()
        loss = criterion(net(clouds), names)
        loss.backward()
        optimizer.step()
        mean_loss += loss.item() / len(train_loader)
    print(f"epoch {epoch}: loss {mean_loss:.3f} test accuracy {evaluate():.3f}")

print("solids named correctly:", evaluate())
