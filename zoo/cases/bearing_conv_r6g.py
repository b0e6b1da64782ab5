import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

CLASSES = ("ok", "inner", "outer", "ball", "cage")


def vibration(n, rng, length=96):
    """Short vibration records of a bearing; every class has its own pair of tones and bursts."""
    t = np.arange(length) / length
    kind = np.sort(rng.integers(0, len(CLASSES), n))
    tones = np.array([[5, 11], [7, 16], [9, 14], [6, 20], [8, 23]])
    out = np.empty((n, 1, length), dtype=np.float32)
    for j in range(n):
        a, b = tones[kind[j]] + rng.normal(0, 0.25, 2)
        gain = rng.uniform(0.6, 1.6)
        x = np.sin(2 * np.pi * (a * t + rng.random())) + 0.7 * np.sin(2 * np.pi * (b * t + rng.random()))
        out[j, 0] = gain * x + rng.normal(0, 0.45, length)
    return torch.from_numpy(out), torch.from_numpy(kind)


def conv_block(c_in, c_out):
    return nn.Sequential(
        nn.Conv1d(c_in, c_out, 7, padding=3, bias=False),
        nn.BatchNorm1d(c_out),
        nn.ReLU(),
        nn.MaxPool1d(2),
    )


class VibrationNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(conv_block(1, 12), conv_block(12, 24), conv_block(24, 24))
        self.head = nn.Sequential(nn.Flatten(), nn.Dropout(0.3), nn.Linear(24 * 12, 5))

    def forward(self, x):
        return self.head(self.features(x))


def train_one_epoch(model, loader, optimizer, criterion):
    model.train()
    total = 0.0
    for x, y in loader:
        optimizer.zero_grad(set_to_none=True)
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(loader)


def validate(model, loader, criterion):
    loss, correct, count = 0.0, 0, 0
    with torch.no_grad():
        for x, y in loader:
            logits = model(x)
            loss += criterion(logits, y).item() * len(y)
            correct += (logits.argmax(1) == y).sum().item()
            count += len(y)
    return loss / count, correct / count


def main():
    torch.manual_seed(17)
    rng = np.random.default_rng(17)
    train_dl = DataLoader(TensorDataset(*vibration(1500, rng)), batch_size=50, shuffle=True)
    val_dl = DataLoader(TensorDataset(*vibration(400, rng)), batch_size=4)

    model = VibrationNet()
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-3)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=12)

    for epoch in range(12):
        train_loss = train_one_epoch(model, train_dl, optimizer, criterion)
        val_loss, val_acc = validate(model, val_dl, criterion)
        scheduler.step()
        print(f"{epoch + 1:3d} train {train_loss:.4f} | val {val_loss:.4f} acc {100 * val_acc:.1f}%")
    print(f"validation accuracy at the end: {100 * val_acc:.1f}%")


if __name__ == "__main__":
    main()
