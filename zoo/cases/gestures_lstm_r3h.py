"""Classify hand gestures from accelerometer sequences of different length with an LSTM."""
import math

import torch
import torch.nn as nn
from torch.nn.utils import clip_grad_norm_
from torch.nn.utils.rnn import pack_padded_sequence

torch.manual_seed(30)

GESTURES = ("circle_left", "circle_right", "wave", "push")
MAX_LEN = 40


def record(n):
    labels = torch.randint(len(GESTURES), (n,))
    lengths = torch.randint(24, MAX_LEN + 1, (n,))
    t = torch.arange(MAX_LEN).float() / 16
    phase = torch.rand(n, 1) * 2 * math.pi
    speed = 0.8 + 0.4 * torch.rand(n, 1)
    angle = 2 * math.pi * speed * t + phase
    envelope = torch.exp(-((t - 1.0 - 0.3 * torch.rand(n, 1)) / 0.35) ** 2)
    zero = torch.zeros(n, MAX_LEN)
    shapes = torch.stack([
        torch.stack([angle.cos(), angle.sin()], dim=2),
        torch.stack([angle.cos(), -angle.sin()], dim=2),
        torch.stack([1.3 * angle.sin(), zero], dim=2),
        torch.stack([zero, 1.8 * envelope], dim=2),
    ])
    x = shapes[labels, torch.arange(n)] + 0.25 * torch.randn(n, MAX_LEN, 2)
    mask = torch.arange(MAX_LEN)[None, :] < lengths[:, None]
    return x * mask[:, :, None], lengths, labels


class GestureLSTM(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.lstm = nn.LSTM(2, hidden, batch_first=True)
        self.fc = nn.Linear(hidden, len(GESTURES))

    def forward(self, x, lengths):
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        _, (h, _) = self.lstm(packed)
        return self.fc(h[-1])


def evaluate(model, x, lengths, labels):
    model.eval()
    with torch.no_grad():
        logits = model(x, lengths)
    loss = nn.functional.cross_entropy(logits, labels)
    return loss.item(), (logits.argmax(1) == labels).float().mean().item()


x_train, len_train, y_train = record(1600)
x_test, len_test, y_test = record(400)
model = GestureLSTM()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
criterion = nn.CrossEntropyLoss()

for epoch in range(10):
    model.train()
    total = 0.0
    for idx in torch.randperm(1600).split(32):
        optimizer.zero_grad()
        loss = criterion(model(x_train[idx], len_train[idx]), y_train[idx])
        loss.backward()
        clip_grad_norm_(model.parameters(), max_norm=5.0)
        optimizer.step()
        total += loss.item() * len(idx)
    test_loss, test_acc = evaluate(model, x_test, len_test, y_test)
    print(f"epoch {epoch + 1}: train {total / 1600:.4f}, test {test_loss:.4f}, accuracy {test_acc:.4f}")

print(f"final accuracy {test_acc:.4f}")
