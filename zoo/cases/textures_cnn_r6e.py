import numpy as np
import torch
from torch import nn, optim
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(21)

N_TRAIN = 160
N_VAL = 400
EPOCHS = 45


class Textures(Dataset):
    """Small grey patches: one of four gratings, photographed with a noisy sensor."""

    def __init__(self, n, rng):
        grid = np.arange(14)
        u, v = np.meshgrid(grid, grid)
        self.labels = rng.integers(0, 4, n)
        patches = np.empty((n, 1, 14, 14), dtype=np.float32)
        for j, k in enumerate(self.labels):
            angle = np.pi * k / 4 + rng.normal(0, 0.12)
            freq = rng.uniform(0.9, 1.3)
            wave = np.sin(freq * (u * np.cos(angle) + v * np.sin(angle)) + rng.uniform(0, 2.0))
            patches[j, 0] = wave + rng.normal(0, 2.0, (14, 14))
        self.patches = torch.from_numpy(patches)
        self.labels = torch.from_numpy(self.labels)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return self.patches[i], self.labels[i]


rng = np.random.default_rng(21)
train_loader = DataLoader(Textures(N_TRAIN, rng), batch_size=32, shuffle=True)
val_loader = DataLoader(Textures(N_VAL, rng), batch_size=200)

net = nn.Sequential(
    nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(),
    nn.Flatten(),
    nn.Linear(64 * 7 * 7, 64), nn.ReLU(),
    nn.Linear(64, 4),
)
print("parameters:", sum(p.numel() for p in net.parameters()))
criterion = nn.CrossEntropyLoss()
optimizer = optim.Adam(net.parameters(), lr=1e-3)


def evaluate():
    net.eval()
    loss = hits = 0.0
    with torch.no_grad():
        for x, y in val_loader:
            out = net(x)
            loss += criterion(out, y).item() * len(y)
            hits += (out.argmax(1) == y).sum().item()
    return loss / N_VAL, hits / N_VAL


for epoch in range(EPOCHS):
    net.train()
    seen = 0.0
    for x, y in train_loader:
        loss = criterion(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        seen += loss.item() * len(y)
    val_loss, val_acc = evaluate()
    print(f"epoch {epoch + 1}/{EPOCHS} - loss: {seen / N_TRAIN:.4f} - val_loss: {val_loss:.4f} - val_acc: {val_acc:.3f}")

print(f"final validation accuracy {val_acc:.3f}, loss {val_loss:.3f}")
