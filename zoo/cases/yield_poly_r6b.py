import argparse

import numpy as np
import torch
from sklearn.datasets import make_friedman1
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import PolynomialFeatures, StandardScaler


def get_args():
    p = argparse.ArgumentParser(description="Polynomial regression trained by stochastic gradient descent")
    p.add_argument("--degree", type=int, default=3)
    p.add_argument("--rate", type=float, default=0.13)
    p.add_argument("--batch", type=int, default=25)
    p.add_argument("--epochs", type=int, default=20)
    return p.parse_args()


def prepare(degree):
    X, y = make_friedman1(n_samples=1250, n_features=6, noise=0.5, random_state=8)
    X = StandardScaler().fit_transform(X)
    phi = PolynomialFeatures(degree, include_bias=False).fit_transform(X)
    phi = StandardScaler().fit_transform(phi)
    y = (y - y.mean()) / y.std()
    parts = train_test_split(phi, y, test_size=250, random_state=8)
    return [torch.tensor(np.asarray(p), dtype=torch.float32) for p in parts]


def rmse(prediction, target):
    return (prediction - target).square().mean().sqrt().item()


def main():
    args = get_args()
    torch.manual_seed(8)
    A, A_test, b, b_test = prepare(args.degree)
    print("design matrix", tuple(A.shape))

    w = (0.01 * torch.randn(A.shape[1])).requires_grad_()
    c = torch.zeros(1, requires_grad=True)
    sgd = torch.optim.SGD([w, c], lr=args.rate)

    for epoch in range(1, args.epochs + 1):
        order = torch.randperm(len(A))
        total = 0.0
        for idx in order.split(args.batch):
            residual = A[idx] @ w + c - b[idx]
            mse = residual.square().mean()
            sgd.zero_grad()
            mse.backward()
            sgd.step()
            total += mse.item() * len(idx)
        with torch.no_grad():
            print(f"{epoch:3d}  mse {total / len(A):.4g}  test rmse {rmse(A_test @ w + c, b_test):.4g}")

    with torch.no_grad():
        print(f"final test RMSE {rmse(A_test @ w + c, b_test):.4g}")


if __name__ == "__main__":
    main()
