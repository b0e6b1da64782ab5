import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

LENGTH = 64
N_TRAIN, N_VAL = 1200, 400
EPOCHS = 12


def make_recordings(n, rng):
    """Five kinds of pulse trains, as a cheap microphone would hear them."""
    t = np.arange(LENGTH)
    X, y = [], []
    for _ in range(n):
        kind = rng.integers(5)
        phase = rng.uniform(0, 2 * np.pi)
        period = rng.uniform(10, 20)
        arg = 2 * np.pi * t / period + phase
        if kind == 0:
            wave = np.sin(arg)
        elif kind == 1:
            wave = np.sign(np.sin(arg))
        elif kind == 2:
            wave = 2 * ((arg / (2 * np.pi)) % 1) - 1
        elif kind == 3:
            wave = 2 * np.abs(2 * ((arg / (2 * np.pi)) % 1) - 1) - 1
        else:
            wave = np.sin(arg) * np.sin(arg / 3.0)
        X.append(rng.uniform(0.7, 1.3) * wave + rng.normal(0, 0.25, LENGTH))
        y.append(kind)
    return torch.tensor(np.array(X), dtype=torch.float32).unsqueeze(1), torch.tensor(y)


def block(c_in, c_out, stride=1):
    return nn.Sequential(
        nn.Conv1d(c_in, c_out, 5, stride=stride, padding=2, bias=False),
        nn.BatchNorm1d(c_out),
        nn.ReLU(inplace=True),
    )


class WaveNet(nn.Module):
    def __init__(self, n_classes=5):
        super().__init__()
        self.features = nn.Sequential(
            block(1, 16), block(16, 16), block(16, 32, 2), block(32, 32), block(32, 48, 2), block(48, 48),
        )
        self.drop = nn.Dropout(0.4)
        self.head = nn.Linear(48, n_classes)

    def forward(self, x):
        return self.head(self.drop(self.features(x).mean(-1)))


class Trainer:
    def __init__(self, model, train_dl, val_dl):
        self.model = model
        self.train_dl, self.val_dl = train_dl, val_dl
        self.loss_fn = nn.CrossEntropyLoss()
        self.opt = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)

    def validate(self):
        self.model.eval()
        total, right = 0.0, 0
        with torch.no_grad():
            for x, y in self.val_dl:
                out = self.model(x)
                total += self.loss_fn(out, y).item() * len(y)
                right += (out.argmax(1) == y).sum().item()
        n = len(self.val_dl.dataset)
        return total / n, right / n

    def run(self, epochs):
        print("before training: loss %.3f, accuracy %.3f" % self.validate())
        for epoch in range(epochs):
            seen, total = 0, 0.0
            for x, y in self.train_dl:
                self.opt.zero_grad()
                loss = self.loss_fn(self.model(x), y)
                loss.backward()
                self.opt.step()
                total += loss.item() * len(y)
                seen += len(y)
            val_loss, val_acc = self.validate()
            print(f"epoch {epoch}: train loss {total / seen:.3f}, val loss {val_loss:.3f}, val accuracy {val_acc:.3f}")
        return val_acc


if __name__ == "__main__":
    torch.manual_seed(7)
    rng = np.random.default_rng(7)
    train_dl = DataLoader(TensorDataset(*make_recordings(N_TRAIN, rng)), batch_size=48, shuffle=True)
    val_dl = DataLoader(TensorDataset(*make_recordings(N_VAL, rng)), batch_size=200)
    trainer = Trainer(WaveNet(), train_dl, val_dl)
    print(f"accuracy after training: {trainer.run(EPOCHS):.3f}")
