# functional MLP: parameters live in a list of (weight, bias) pairs, the forward pass is a fold
from functools import reduce

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

torch.manual_seed(12)

X, y = load_digits(return_X_y=True)
X = torch.as_tensor((X - 8.0) / 6.0, dtype=torch.float32)
y = torch.as_tensor(y)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=400, random_state=2)

widths = [64] + [48] * 7 + [10]


def init(widths):
    pairs = []
    for n_in, n_out in zip(widths, widths[1:]):
        w = torch.nn.init.xavier_uniform_(torch.empty(n_out, n_in)).requires_grad_()
        b = torch.zeros(n_out, requires_grad=True)
        pairs.append((w, b))
    return pairs


def forward(pairs, x):
    *hidden, last = pairs
    x = reduce(lambda h, wb: torch.sigmoid(F.linear(h, *wb)), hidden, x)
    return F.linear(x, *last)


params = init(widths)
opt = torch.optim.Adam([p for pair in params for p in pair], lr=1e-3)


def train_epoch():
    total = 0.0
    for idx in torch.randperm(len(X_train)).split(32):
        loss = F.cross_entropy(forward(params, X_train[idx]), y_train[idx])
        opt.zero_grad()
        loss.backward()
        opt.step()
        total += loss.item() * len(idx)
    return total / len(X_train)


for epoch in range(20):
    train_loss = train_epoch()
    with torch.no_grad():
        logits = forward(params, X_test)
        print("epoch", epoch, "train", f"{train_loss:.4f}", "test", f"{F.cross_entropy(logits, y_test):.4f}",
              "acc", f"{(logits.argmax(1) == y_test).float().mean():.4f}")
