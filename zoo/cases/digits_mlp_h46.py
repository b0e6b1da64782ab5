import copy
import math

import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset


def find_lr(model, loader, loss_fn, start=1e-5, end=10.0, steps=60):
    """Smith's range test on a copy of the model; returns a tenth of the rate with the lowest loss."""
    model = copy.deepcopy(model)
    opt = torch.optim.SGD(model.parameters(), lr=start, momentum=0.9)
    factor = (end / start) ** (1 / (steps - 1))
    best, best_lr, smooth = math.inf, start, None
    it = iter(loader)
    for i in range(steps):
        try:
            x, y = next(it)
        except StopIteration:
            it = iter(loader)
            x, y = next(it)
        loss = loss_fn(model(x), y)
        smooth = loss.item() if smooth is None else 0.8 * smooth + 0.2 * loss.item()
        if smooth > 4 * best:
            break
        if smooth < best:
            best, best_lr = smooth, opt.param_groups[0]["lr"]
        opt.zero_grad()
        loss.backward()
        opt.step()
        opt.param_groups[0]["lr"] *= factor
    return best_lr / 10


def main():
    torch.manual_seed(13)
    X, y = load_digits(return_X_y=True)
    Xtr, Xte, ytr, yte = train_test_split(X / 16, y, test_size=0.2, stratify=y, random_state=9)
    loader = DataLoader(TensorDataset(torch.Tensor(Xtr), torch.LongTensor(ytr)), batch_size=64, shuffle=True)
    Xte, yte = torch.Tensor(Xte), torch.LongTensor(yte)

    model = nn.Sequential(nn.Linear(64, 100), nn.ReLU(), nn.Linear(100, 50), nn.ReLU(), nn.Linear(50, 10))
    loss_fn = nn.CrossEntropyLoss()
    lr = find_lr(model, loader, loss_fn)
    print(f"suggested learning rate: {lr:.4f}")

    opt = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    for epoch in range(20):
        model.train()
        for x, y in loader:
            opt.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            opt.step()
        model.eval()
        with torch.no_grad():
            out = model(Xte)
            print(f"epoch {epoch}: val loss {loss_fn(out, yte):.4f}, accuracy {(out.argmax(1) == yte).float().mean():.3f}")
    print(f"test accuracy: {(out.argmax(1) == yte).float().mean():.3f}")


if __name__ == "__main__":
    main()
