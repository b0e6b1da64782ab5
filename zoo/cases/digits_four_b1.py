"""Four-class digit reader (0, 1, 2, 3) with a small encoder and an attention-style pooling over the rows."""
import argparse

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset, random_split
from sklearn.datasets import load_digits


class RowEncoder(nn.Module):
    def __init__(self, width=32, classes=4):
        super().__init__()
        self.embed = nn.Linear(8, width)
        self.score = nn.Linear(width, 1)
        self.mix = nn.Linear(8 * width, width)
        self.head = nn.Linear(width, classes)

    def forward(self, rows):                       # rows: (batch, 8, 8)
        h = torch.tanh(self.embed(rows))
        w = F.softmax(self.score(h), dim=1)        # attention weight of each row
        h = (h * w * 8).flatten(1)
        logits = self.head(F.relu(self.mix(h)))
        if self.training:
            return logits
        return F.softmax(logits, dim=-1)


def run_epoch(model, loader, criterion, optimizer=None):
    model.train(optimizer is not None)
    total, n = 0.0, 0
    with torch.set_grad_enabled(optimizer is not None):
        for rows, label in loader:
            loss = criterion(model(rows), label)
            if optimizer is not None:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            total += loss.item() * len(label)
            n += len(label)
    return total / n


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--epochs", type=int, default=25)
    ap.add_argument("--lr", type=float, default=2e-3)
    ap.add_argument("--batch-size", type=int, default=32)
    args = ap.parse_args()
    torch.manual_seed(0)

    digits = load_digits(n_class=4)
    data = TensorDataset(torch.tensor(digits.images / 16 - 0.3, dtype=torch.float32), torch.tensor(digits.target))
    train, val = random_split(data, [520, 200])
    train_loader = DataLoader(train, args.batch_size, shuffle=True)
    val_loader = DataLoader(val, 200)

    model = RowEncoder()
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    for epoch in range(args.epochs):
        tr = run_epoch(model, train_loader, criterion, optimizer)
        va = run_epoch(model, val_loader, criterion)
        print(f"epoch {epoch:3d}  train loss {tr:.4f}  val loss {va:.4f}")


if __name__ == "__main__":
    main()
