# two-layer network, parameters and update rule by hand
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

torch.manual_seed(2)

X, y = load_digits(return_X_y=True)
X = torch.tensor((X - X.mean()) / X.std(), dtype=torch.float32)
y = torch.tensor(y)
X_train, X_valid, y_train, y_valid = train_test_split(X, y, test_size=0.25, random_state=31)

n_hidden = 64
w1 = (torch.randn(64, n_hidden) * (2 / 64) ** 0.5).requires_grad_()
b1 = torch.zeros(n_hidden, requires_grad=True)
w2 = (torch.randn(n_hidden, 10) * (1 / n_hidden) ** 0.5).requires_grad_()
b2 = torch.zeros(10, requires_grad=True)
params = [w1, b1, w2, b2]


def model(x):
    return (x @ w1 + b1).clamp_min(0.) @ w2 + b2


def loss_func(out, target):
    logp = out.log_softmax(-1)
    return -logp.gather(1, target.unsqueeze(1)).mean()


lr = 0.1
for epoch in range(20):
    for idx in torch.randperm(len(X_train)).split(32):
        loss = loss_func(model(X_train[idx]), y_train[idx])
        loss.backward()
        with torch.no_grad():
            for p in params:
                p -= lr * p.grad
                p.grad.zero_()
    with torch.no_grad():
        out = model(X_valid)
        print(epoch, loss_func(out, y_valid).item(), (out.argmax(1) == y_valid).float().mean().item())

print(f"test accuracy: {(out.argmax(1) == y_valid).float().mean().item():.3f}")
