"""Recognise the shape of an oscilloscope trace (sine, square, triangle, sawtooth) from 64 samples."""
import numpy as np
import torch
from torch import nn

CLASSES = ["sine", "square", "triangle", "sawtooth"]
CONFIG = dict(n_per_class=600, width=64, hidden_layers=13, lr=1e-3, batch=100, epochs=20)


def make_traces(n, rng):
    t = np.arange(64) / 64.0
    traces, labels = [], []
    for label in range(len(CLASSES)):
        freq = rng.uniform(1.8, 2.2, size=(n, 1))
        phase = rng.uniform(0, 0.5, size=(n, 1))
        cycle = (freq * t + phase) % 1.0
        if label == 0:
            wave = np.sin(2 * np.pi * cycle)
        elif label == 1:
            wave = np.where(cycle < 0.5, 1.0, -1.0)
        elif label == 2:
            wave = 4 * np.abs(cycle - 0.5) - 1
        else:
            wave = 2 * cycle - 1
        wave = wave * rng.uniform(0.8, 1.2, size=(n, 1)) + rng.normal(0, 0.1, size=(n, 64))
        traces.append(wave)
        labels.append(np.full(n, label))
    x, y = np.concatenate(traces), np.concatenate(labels)
    order = rng.permutation(len(x))
    return torch.tensor(x[order], dtype=torch.float32), torch.tensor(y[order])


def init_weights(m):
    if isinstance(m, nn.Linear):
        nn.init.normal_(m.weight, mean=0.0, std=0.01)
        nn.init.zeros_(m.bias)


def build(width, hidden_layers):
    layers = [nn.Linear(64, width), nn.ReLU()]
    for _ in range(hidden_layers - 1):
        layers += [nn.Linear(width, width), nn.ReLU()]
    layers.append(nn.Linear(width, len(CLASSES)))
    return nn.Sequential(*layers).apply(init_weights)


def accuracy(model, x, y):
    model.eval()
    with torch.no_grad():
        return (model(x).argmax(dim=1) == y).float().mean().item()


def main():
    torch.manual_seed(11)
    rng = np.random.default_rng(11)
    x, y = make_traces(CONFIG["n_per_class"], rng)
    x_test, y_test = make_traces(150, rng)

    model = build(CONFIG["width"], CONFIG["hidden_layers"])
    optimizer = torch.optim.Adam(model.parameters(), lr=CONFIG["lr"])
    loss_fn = nn.CrossEntropyLoss()

    for epoch in range(1, CONFIG["epochs"] + 1):
        model.train()
        running = 0.0
        for idx in torch.randperm(len(x)).split(CONFIG["batch"]):
            optimizer.zero_grad()
            loss = loss_fn(model(x[idx]), y[idx])
            loss.backward()
            optimizer.step()
            running += loss.item() * len(idx)
        if epoch % 5 == 0:
            print(f"[{epoch:3d}] loss={running / len(x):.4f} test_acc={accuracy(model, x_test, y_test):.3f}")

    print(f"final test_acc={accuracy(model, x_test, y_test):.3f}")


if __name__ == "__main__":
    main()
