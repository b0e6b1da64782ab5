"""Classify oscilloscope traces into eight waveform types with a 1-D convolutional net."""
import numpy as np
import torch
from torch import nn

torch.manual_seed(33)
rng = np.random.default_rng(33)

KINDS = ["sine", "square", "saw", "triangle", "pulse", "double", "rectified", "steps"]
LENGTH = 64


def trace(kind):
    phase = (np.linspace(0, rng.uniform(1.8, 3.0), LENGTH, endpoint=False) + rng.uniform()) % 1.0
    if kind == "sine":
        wave = np.sin(2 * np.pi * phase)
    elif kind == "square":
        wave = np.where(phase < 0.5, 1.0, -1.0)
    elif kind == "saw":
        wave = 2 * phase - 1
    elif kind == "triangle":
        wave = 4 * np.abs(phase - 0.5) - 1
    elif kind == "pulse":
        wave = np.where(phase < 0.15, 2.0, -0.4)
    elif kind == "double":
        wave = np.sin(2 * np.pi * phase) + np.sin(4 * np.pi * phase)
    elif kind == "rectified":
        wave = 2 * np.abs(np.sin(np.pi * phase)) - 1.2
    else:
        wave = np.floor(phase * 4) / 1.5 - 1
    return rng.uniform(0.8, 1.2) * wave + 0.1 * rng.standard_normal(LENGTH)


def dataset(count):
    kinds = rng.integers(0, len(KINDS), count)
    traces = np.array([trace(KINDS[k]) for k in kinds], dtype=np.float32)
    return torch.from_numpy(traces).unsqueeze(1), torch.from_numpy(kinds)


x_train, y_train = dataset(2400)
x_test, y_test = dataset(800)

model = nn.Sequential(
    nn.Conv1d(1, 16, kernel_size=7, padding=3),
    nn.ReLU(),
    nn.MaxPool1d(2),
    nn.Conv1d(16, 32, kernel_size=5, padding=2),
    nn.ReLU(),
    nn.MaxPool1d(4),
    nn.Flatten(),
    nn.Linear(256, 64),
    nn.ReLU(),
    nn.Linear(64, len(KINDS)),
    nn.Softmax(dim=1),
)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.03, momentum=0.5)

step = 0
for epoch in range(15):
    for batch in torch.randperm(len(x_train)).split(40):
        loss = loss_fn(model(x_train[batch]), y_train[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        step += 1
    with torch.no_grad():
        predicted = model(x_test).argmax(dim=1)
    accuracy = (predicted == y_test).double().mean().item()
    print(f"step {step:5d}: loss {loss.item():.3f}, test accuracy {accuracy:.3f}")

for k, kind in enumerate(KINDS):
    print(f"  {kind:10s} {(predicted[y_test == k] == k).double().mean():.2f}")
print(f"overall: {accuracy:.3f}")
