import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

BN_MOMENTUM = 0.001


def make_windows(count, rng, steps=64):
    """Three-axis accelerometer windows: rest, walk, run, stairs, jump."""
    t = np.arange(steps) / 32.0
    xs = np.zeros((count, 3, steps), dtype=np.float32)
    ys = rng.integers(0, 5, count)
    for i, activity in enumerate(ys):
        rate = (0.0, 1.8, 2.8, 1.5, 2.2)[activity] * rng.uniform(0.9, 1.1)
        power = (0.05, 0.6, 1.3, 0.7, 1.1)[activity] * rng.uniform(0.8, 1.2)
        phase = rng.uniform(0, 2 * np.pi)
        swing = np.sin(2 * np.pi * rate * t + phase)
        tilt = rng.normal(0, 0.15, 3)
        xs[i, 0] = power * swing + tilt[0]
        xs[i, 1] = 0.6 * power * np.cos(4 * np.pi * rate * t + phase) + tilt[1]
        if activity == 3:
            xs[i, 2] = 0.7 * power * np.abs(swing) + tilt[2]
        elif activity == 4:
            xs[i, 2] = 1.5 * power * np.maximum(swing, 0) ** 4 + tilt[2]
        else:
            xs[i, 2] = 0.3 * power * swing + tilt[2]
    return torch.from_numpy(xs + rng.normal(0, 0.35, xs.shape).astype(np.float32)), torch.from_numpy(ys)


def block(n_in, n_out):
    return nn.Sequential(
        nn.Conv1d(n_in, n_out, kernel_size=5, padding=2),
        nn.BatchNorm1d(n_out, momentum=BN_MOMENTUM),
        nn.ReLU(),
        nn.MaxPool1d(2),
    )


class MotionNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(block(3, 16), block(16, 24), nn.Flatten())
        self.head = nn.Sequential(
            nn.Linear(24 * 16, 32),
            nn.BatchNorm1d(32, momentum=BN_MOMENTUM),
            nn.ReLU(),
            nn.Linear(32, 5),
        )

    def forward(self, x):
        return self.head(self.body(x))


class Trainer:
    def __init__(self, model, lr):
        self.model = model
        self.loss_fn = nn.CrossEntropyLoss()
        self.optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)

    def fit(self, loader, val_loader, epochs):
        for epoch in range(epochs):
            self.model.train()
            seen = loss_sum = hits = 0
            for x, y in loader:
                self.optimizer.zero_grad()
                logits = self.model(x)
                loss = self.loss_fn(logits, y)
                loss.backward()
                self.optimizer.step()
                seen += len(y)
                loss_sum += loss.item() * len(y)
                hits += (logits.argmax(1) == y).sum().item()
            val_loss, val_acc = self.score(val_loader)
            print(f"{epoch:>2} | train {loss_sum / seen:.3f} {hits / seen:.3f} | val {val_loss:.3f} {val_acc:.3f}")

    @torch.no_grad()
    def score(self, loader):
        self.model.eval()
        seen = loss_sum = hits = 0
        for x, y in loader:
            logits = self.model(x)
            loss_sum += self.loss_fn(logits, y).item() * len(y)
            hits += (logits.argmax(1) == y).sum().item()
            seen += len(y)
        return loss_sum / seen, hits / seen


torch.manual_seed(42)
rng = np.random.default_rng(42)
train_set = TensorDataset(*make_windows(2048, rng))
val_set = TensorDataset(*make_windows(600, rng))
trainer = Trainer(MotionNet(), lr=0.02)
trainer.fit(DataLoader(train_set, batch_size=64, shuffle=True), DataLoader(val_set, batch_size=300), epochs=8)
print("validation accuracy: {:.3f}".format(trainer.score(DataLoader(val_set, batch_size=300))[1]))
