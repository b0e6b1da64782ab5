"""Logistic regression for loan repayment; plain SGD written out."""
import numpy as np
import torch

torch.manual_seed(6)
np.random.seed(6)

n = 15000
age = np.random.uniform(21, 70, n)
income = np.exp(np.random.normal(10.4, 0.4, n))
debt = income * np.random.beta(2, 4, n)
late = np.random.poisson(1.2, n)
years = np.random.exponential(6.0, n)
own = (np.random.rand(n) < 0.4).astype(float)
features = np.column_stack([age, np.log(income), debt / income, late, np.log1p(years), own])
features = (features - features.mean(0)) / features.std(0)
logit = features @ np.array([1.2, 3.0, -4.5, -5.0, 2.4, 1.5]) + 0.4
repaid = (np.random.rand(n) < 1 / (1 + np.exp(-logit))).astype(float)

X = torch.tensor(features, dtype=torch.float32)
y = torch.tensor(repaid, dtype=torch.float32)
X_train, y_train, X_test, y_test = X[:12000], y[:12000], X[12000:], y[12000:]

w = torch.zeros(6, requires_grad=True)
b = torch.zeros(1, requires_grad=True)


def cost(X, y):
    z = X @ w + b
    return (torch.clamp(z, min=0) - z * y + torch.log1p(torch.exp(-z.abs()))).mean()


eta = 0.5
for epoch in range(30):
    perm = torch.randperm(12000)
    step_size = eta / (1 + 0.2 * epoch)
    for i in range(0, 12000, 50):
        j = perm[i:i + 50]
        loss = cost(X_train[j], y_train[j])
        gw, gb = torch.autograd.grad(loss, (w, b))
        with torch.no_grad():
            w -= step_size * gw
            b -= step_size * gb
    if epoch % 5 == 4:
        with torch.no_grad():
            print(f"epoch {epoch + 1}: train {cost(X_train, y_train):.4f} test {cost(X_test, y_test):.4f}")

with torch.no_grad():
    acc = (((X_test @ w + b) > 0).float() == y_test).float().mean().item()
print("weights", [round(v, 2) for v in w.tolist()], "bias", round(b.item(), 2))
print(f"accuracy on unseen loans: {acc:.4f}")
