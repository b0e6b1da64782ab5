"""Toy memory benchmark: the class of a sequence is the symbol it starts with, the rest is noise."""
import torch
import torch.nn as nn
import torch.optim as optim

torch.manual_seed(3)
N_CLASSES, SEQ_LEN, HIDDEN = 4, 24, 32


def make_batch(n):
    y = torch.randint(0, N_CLASSES, (n,))
    x = torch.randn(n, SEQ_LEN, N_CLASSES) * 0.2
    x[torch.arange(n), 0, y] += 1.0
    return x, y


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.inp = nn.Linear(N_CLASSES, HIDDEN)
        self.rec = nn.Linear(HIDDEN, HIDDEN, bias=False)
        self.head = nn.Linear(HIDDEN, N_CLASSES)
        nn.init.orthogonal_(self.rec.weight)

    def forward(self, x):
        h = torch.zeros(x.size(0), HIDDEN)
        for t in range(x.size(1)):
            h = torch.sigmoid(self.inp(x[:, t]) + self.rec(h))
        return self.head(h)


model = Recurrent()
optimizer = optim.Adam(model.parameters(), lr=2e-3)
loss_fn = nn.CrossEntropyLoss()
x_test, y_test = make_batch(1000)

for step in range(1, 501):
    x, y = make_batch(64)
    optimizer.zero_grad()
    loss = loss_fn(model(x), y)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 50 == 0:
        print(f"step {step} loss {loss.item():.4f}")

with torch.no_grad():
    acc = (model(x_test).argmax(dim=1) == y_test).float().mean()
print(f"test accuracy: {acc:.3f}")
