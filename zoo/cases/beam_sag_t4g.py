"""Sag of a loaded beam from load position, span and a stiffness reading; momentum written out."""
import math

import numpy as np
import torch


def make_beams(n, rng):
    where = rng.uniform(0.1, 0.9, n)          # load position as part of the span
    span = rng.uniform(1.0, 2.0, n)
    stiff = rng.uniform(0.6, 1.6, n)
    sag = where ** 2 * (1 - where) ** 2 * span ** 3 / stiff
    sag = 20 * sag + rng.normal(0, 0.15, n)
    return np.column_stack([where, span, stiff]), sag


def parameters(sizes):
    ps = []
    for n_in, n_out in zip(sizes, sizes[1:]):
        w = torch.randn(n_in, n_out) / math.sqrt(n_in)
        ps += [w.requires_grad_(), torch.zeros(n_out, requires_grad=True)]
    return ps


def predict(ps, x):
    w1, b1, w2, b2, w3, b3 = ps
    h = torch.tanh(x @ w1 + b1)
    h = torch.tanh(h @ w2 + b2)
    return (h @ w3 + b3)[:, 0]


def main():
    rng = np.random.default_rng(23)
    torch.manual_seed(23)
    x, y = make_beams(3000, rng)
    x, y = torch.tensor(x).float(), torch.tensor(y).float()
    train, test = slice(0, 2400), slice(2400, None)
    x = (x - x[train].mean(0)) / x[train].std(0)
    y = (y - y[train].mean()) / y[train].std()

    ps = parameters([3, 24, 24, 1])
    speed = [torch.zeros_like(p) for p in ps]
    epochs, lr0, keep = 60, 0.02, 0.9

    for epoch in range(epochs):
        lr = lr0 * 0.5 * (1 + math.cos(math.pi * epoch / epochs))
        order = torch.randperm(2400)
        total = 0.0
        for k in range(0, 2400, 48):
            rows = order[k:k + 48]
            loss = ((predict(ps, x[rows]) - y[rows]) ** 2).mean()
            grads = torch.autograd.grad(loss, ps)
            with torch.no_grad():
                for p, v, g in zip(ps, speed, grads):
                    v.mul_(keep).add_(g)
                    p.sub_(lr * v)
            total += loss.item() * 48
        if epoch % 6 == 5:
            with torch.no_grad():
                val = ((predict(ps, x[test]) - y[test]) ** 2).mean()
            print(f"{epoch + 1:3d} lr {lr:.4f}  train {total / 2400:.4f}  test {val:.4f}")

    with torch.no_grad():
        rest = ((predict(ps, x[test]) - y[test]) ** 2).sum()
        r2 = 1 - rest / ((y[test] - y[test].mean()) ** 2).sum()
    print(f"r2 on held-out beams {r2.item():.4f}")


if __name__ == "__main__":
    main()
