"""Compare a linear model with a small network on Friedman's second problem."""
import torch
from torch import nn
from sklearn.datasets import make_friedman2
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

torch.manual_seed(6)

X, y = make_friedman2(n_samples=1000, noise=20.0, random_state=1)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=1)
sx, sy = StandardScaler().fit(X_train), StandardScaler().fit(y_train.reshape(-1, 1))
f = lambda a: torch.tensor(a, dtype=torch.float32)
X_train, X_test = f(sx.transform(X_train)), f(sx.transform(X_test))
y_train, y_test = f(sy.transform(y_train.reshape(-1, 1))), f(sy.transform(y_test.reshape(-1, 1)))


def train(model, lr, epochs):
    opt = torch.optim.Adam(model.parameters(), lr=lr)
    for epoch in range(epochs):
        for idx in torch.randperm(len(X_train)).split(25):
            loss = ((model(X_train[idx]) - y_train[idx]) ** 2).mean()
            opt.zero_grad()
            loss.backward()
            opt.step()
        if epoch % 5 == 4:
            print(f"   epoch {epoch + 1}: {loss.item():.4f}")
    with torch.no_grad():
        return 1 - ((model(X_test) - y_test) ** 2).mean().item() / y_test.var().item()


print("linear model")
linear = train(nn.Linear(4, 1), lr=1e-2, epochs=10)
print("network")
network = train(nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1)), lr=2e-3, epochs=30)
print(f"linear R2 {linear:.3f}")
print(f"network R2 = {network:.4f}")
