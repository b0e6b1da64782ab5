"""Read the digit off a worn meter dial; labels were typed in by volunteers."""
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

torch.manual_seed(31)
rng = np.random.default_rng(31)

bunch = load_digits()
images = torch.tensor(bunch.images / 16.0, dtype=torch.float32).unsqueeze(1)
images = images + 0.25 * torch.randn_like(images)
labels = bunch.target.copy()
typo = rng.random(len(labels)) < 0.25
labels[typo] = rng.integers(0, 10, typo.sum())
labels = torch.from_numpy(labels)

order = torch.from_numpy(rng.permutation(len(images)))
train_idx, val_idx = order[:600], order[600:1200]


class DialNet(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        self.conv1 = nn.Conv2d(1, width, 3, padding=1)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        self.fc1 = nn.Linear(width * 16, 96)
        self.fc2 = nn.Linear(96, 10)

    def forward(self, x):
        x = F.relu(self.conv1(x))
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = F.relu(self.fc1(x.flatten(1)))
        return self.fc2(x)


def evaluate(model, idx):
    model.eval()
    with torch.no_grad():
        out = model(images[idx])
    return F.cross_entropy(out, labels[idx]).item(), (out.argmax(1) == labels[idx]).float().mean().item()


model = DialNet()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
n_epochs = 40

for epoch in range(1, n_epochs + 1):
    model.train()
    running = 0.0
    for batch in train_idx[torch.randperm(len(train_idx))].split(40):
        loss = F.cross_entropy(model(images[batch]), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        running += loss.item() * len(batch)
    val_loss, val_acc = evaluate(model, val_idx)
    print(f"epoch {epoch:2d}/{n_epochs}  train {running / len(train_idx):.4f}  val {val_loss:.4f}  val acc {val_acc:.3f}")

print(f"final validation loss: {val_loss:.4f}")
