import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import make_gaussian_quantiles

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=25)
parser.add_argument("--batch-size", type=int, default=64)
parser.add_argument("--lr", type=float, default=3e-3)
parser.add_argument("--hidden", type=int, default=48)
args = parser.parse_args()

torch.manual_seed(4)


def init_weights(m):
    if isinstance(m, nn.Linear):
        nn.init.constant_(m.weight, 0.1)
        nn.init.constant_(m.bias, 0.0)


def get_data():
    x, y = make_gaussian_quantiles(n_samples=3000, n_features=3, n_classes=3, random_state=12)
    x = torch.tensor(x, dtype=torch.float32)
    y = torch.tensor(y)
    return x[:2400], y[:2400], x[2400:], y[2400:]


def evaluate(model, x, y):
    model.eval()
    with torch.no_grad():
        out = model(x)
    return F.cross_entropy(out, y).item(), (out.argmax(dim=1) == y).float().mean().item()


x_tr, y_tr, x_te, y_te = get_data()

model = nn.Sequential(
    nn.Linear(3, args.hidden), nn.LeakyReLU(0.1),
    nn.Linear(args.hidden, args.hidden), nn.LeakyReLU(0.1),
    nn.Linear(args.hidden, 3),
)
model.apply(init_weights)
optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=1e-4)

for epoch in range(args.epochs):
    model.train()
    order = torch.randperm(len(x_tr))
    for start in range(0, len(x_tr), args.batch_size):
        idx = order[start:start + args.batch_size]
        optimizer.zero_grad()
        F.cross_entropy(model(x_tr[idx]), y_tr[idx]).backward()
        optimizer.step()
    tr_loss, tr_acc = evaluate(model, x_tr, y_tr)
    te_loss, te_acc = evaluate(model, x_te, y_te)
    print(f"epoch {epoch:>3}  train {tr_loss:.3f}/{tr_acc:.3f}  test {te_loss:.3f}/{te_acc:.3f}")

print("Test accuracy:", round(te_acc, 4))
