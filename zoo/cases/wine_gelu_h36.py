import argparse
import torch
from torch import nn
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split


def parse_args():
    parser = argparse.ArgumentParser(description="wine cultivars from chemistry")
    parser.add_argument("--lr", default=1e-3, type=float)
    parser.add_argument("--weight-decay", default=0.05, type=float)
    parser.add_argument("--batch", default=16, type=int)
    parser.add_argument("--epochs", default=30, type=int)
    return parser.parse_args()


def block(dim):
    return nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, 2 * dim), nn.GELU(), nn.Dropout(0.1), nn.Linear(2 * dim, dim))


class Model(nn.Module):
    def __init__(self, dim=32, depth=2):
        super().__init__()
        self.stem = nn.Linear(13, dim)
        self.blocks = nn.ModuleList([block(dim) for _ in range(depth)])
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, 3)

    def forward(self, x):
        x = self.stem(x)
        for b in self.blocks:
            x = x + b(x)
        return self.head(self.norm(x))


def param_groups(model, wd):
    # no weight decay on biases and norm weights
    decay = [p for p in model.parameters() if p.ndim > 1]
    rest = [p for p in model.parameters() if p.ndim <= 1]
    return [{"params": decay, "weight_decay": wd}, {"params": rest, "weight_decay": 0.0}]


args = parse_args()
torch.manual_seed(123)
X, y = load_wine(return_X_y=True)
X = (X - X.mean(0)) / X.std(0)
Xtr, Xte, ytr, yte = train_test_split(torch.tensor(X).float(), torch.tensor(y), test_size=0.3, random_state=2, stratify=y)
model = Model()
optimizer = torch.optim.AdamW(param_groups(model, args.weight_decay), lr=args.lr)
for epoch in range(args.epochs):
    model.train()
    total = 0.0
    for idx in torch.randperm(len(Xtr)).split(args.batch):
        loss = nn.functional.cross_entropy(model(Xtr[idx]), ytr[idx], label_smoothing=0.1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(idx)
    print(f"epoch {epoch + 1:>2}/{args.epochs} smoothed loss {total / len(Xtr):.4f}")
model.eval()
with torch.no_grad():
    acc = (model(Xte).argmax(1) == yte).float().mean()
print(f"test accuracy: {acc:.4f}")
