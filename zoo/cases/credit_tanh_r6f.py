import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


def load_customers(n, rng):
    income = rng.lognormal(10.4, 0.5, n)            # yearly, in euro
    debt = income * rng.beta(2, 4, n)
    age = rng.uniform(19, 75, n)
    rate = rng.uniform(0.01, 0.12, n)               # interest of the loan
    months = rng.integers(6, 72, n)
    late = rng.poisson(0.8, n)                      # payments made late
    savings = rng.lognormal(8.5, 1.0, n)
    children = rng.integers(0, 4, n)
    risk = (
        5.0 * (debt / income - 0.33) * 2 + 25 * (rate - 0.065) + 1.1 * (late - 0.8)
        - 0.9 * (np.log(savings) - 8.5) - 0.03 * (age - 47) + 0.02 * (months - 39)
    )
    defaulted = rng.random(n) < 1 / (1 + np.exp(-2.5 * risk))
    table = np.column_stack([income, debt, age, rate, months, late, savings, children])
    return table.astype("float32"), defaulted.astype("int64")


class Scorer(nn.Module):
    def __init__(self, n_features):
        super().__init__()
        self.h1 = nn.Linear(n_features, 64)
        self.h2 = nn.Linear(64, 64)
        self.head = nn.Linear(64, 2)

    def forward(self, x):
        x = torch.tanh(self.h1(x))
        x = torch.tanh(self.h2(x))
        return self.head(x)


class Trainer:
    def __init__(self, model, lr=0.05, momentum=0.9, batch_size=64):
        self.model = model
        self.batch_size = batch_size
        self.opt = torch.optim.SGD(model.parameters(), lr=lr, momentum=momentum)

    def fit(self, x, y, epochs):
        for epoch in range(epochs):
            log = []
            for rows in torch.randperm(len(x)).split(self.batch_size):
                self.opt.zero_grad()
                loss = F.cross_entropy(self.model(x[rows]), y[rows])
                loss.backward()
                self.opt.step()
                log.append(loss.item())
            print(f"epoch {epoch:2d}: {sum(log) / len(log):.4f}")

    @torch.no_grad()
    def accuracy(self, x, y):
        return (self.model(x).argmax(dim=1) == y).float().mean().item()


if __name__ == "__main__":
    torch.manual_seed(5)
    table, target = load_customers(3000, np.random.default_rng(5))
    x = torch.from_numpy(table)
    y = torch.from_numpy(target)
    x_train, x_test = x[:2400], x[2400:]
    y_train, y_test = y[:2400], y[2400:]
    print("share of defaults:", y.float().mean().item())

    trainer = Trainer(Scorer(x.shape[1]))
    trainer.fit(x_train, y_train, epochs=20)
    print(f"train accuracy = {trainer.accuracy(x_train, y_train):.3f}")
    print(f"test accuracy = {trainer.accuracy(x_test, y_test):.3f}")
