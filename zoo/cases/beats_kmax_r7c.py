# Heartbeat-like signals, four rhythms. Convolutional features with k-max pooling.
import numpy as np
import torch
from torch import nn

rng = np.random.default_rng(11)
torch.manual_seed(11)

LENGTH, N_CLASSES, K = 120, 4, 3


def template(label, t):
    if label == 0:      # narrow peak, small bump after it
        return np.exp(-(t / 2.0) ** 2) + 0.35 * np.exp(-((t - 12) / 4.0) ** 2)
    if label == 1:      # narrow peak, small bump before it
        return np.exp(-(t / 2.0) ** 2) + 0.35 * np.exp(-((t + 12) / 4.0) ** 2)
    if label == 2:      # peak with undershoot after
        return np.exp(-(t / 2.0) ** 2) - 0.5 * np.exp(-((t - 5) / 2.0) ** 2)
    return np.exp(-(t / 2.0) ** 2) - 0.5 * np.exp(-((t + 5) / 2.0) ** 2)


def record(label):
    grid = np.arange(LENGTH)
    out = 0.2 * rng.standard_normal(LENGTH)
    first, period = rng.uniform(5, 30), rng.uniform(34, 44)
    for centre in np.arange(first, LENGTH, period):
        out += rng.uniform(0.8, 1.2) * template(label, grid - centre)
    return out


def dataset(n):
    y = rng.integers(0, N_CLASSES, n)
    x = np.stack([record(int(k)) for k in y])
    return torch.as_tensor(x, dtype=torch.float32)[:, None], torch.as_tensor(y)


class KMaxNet(nn.Module):
    def __init__(self, channels=6):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv1d(1, channels, 11, padding=5),
            nn.ReLU(),
            nn.Conv1d(channels, channels, 11, padding=5),
            nn.ReLU(),
        )
        self.classifier = nn.Sequential(
            nn.Linear(channels * K, 24),
            nn.ReLU(),
            nn.Linear(24, N_CLASSES),
        )

    def forward(self, x):
        h = self.features(x)
        top = torch.from_numpy(np.sort(h.detach().numpy(), axis=-1)[..., -K:].copy())
        return self.classifier(top.flatten(1))


def evaluate(model, x, y):
    model.eval()
    with torch.no_grad():
        logits = model(x)
    return nn.functional.cross_entropy(logits, y).item(), (logits.argmax(1) == y).float().mean().item()


def main():
    x_tr, y_tr = dataset(2000)
    x_va, y_va = dataset(600)
    model = KMaxNet()
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=1e-4)
    criterion = nn.CrossEntropyLoss()
    for epoch in range(1, 8):
        model.train()
        for idx in torch.randperm(len(x_tr)).split(40):
            optimizer.zero_grad(set_to_none=True)
            loss = criterion(model(x_tr[idx]), y_tr[idx])
            loss.backward()
            optimizer.step()
        tr, va = evaluate(model, x_tr, y_tr), evaluate(model, x_va, y_va)
        print(f"ep {epoch:02d}  train {tr[0]:.3f}/{tr[1]:.3f}  valid {va[0]:.3f}/{va[1]:.3f}")
    print("validation accuracy:", round(va[1], 4))


if __name__ == "__main__":
    main()
