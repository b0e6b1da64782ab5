import torch
from sklearn.datasets import make_moons

torch.manual_seed(50)
X, y = make_moons(1000, noise=0.15, random_state=0)
X = torch.tensor(X, dtype=torch.float32)
X = (X - X.mean(0)) / X.std(0)
y = torch.tensor(y, dtype=torch.float32)
Xtr, ytr, Xte, yte = X[:700], y[:700], X[700:], y[700:]

# the classic: two sigmoid layers and a sigmoid output
W1 = torch.nn.Linear(2, 32)
W2 = torch.nn.Linear(32, 16)
W3 = torch.nn.Linear(16, 1)


def predict(x):
    h = torch.sigmoid(W1(x))
    h = torch.sigmoid(W2(h))
    return torch.sigmoid(W3(h)).squeeze(1)


params = [p for w in (W1, W2, W3) for p in w.parameters()]
opt = torch.optim.Adam(params, lr=0.05)
eps = 1e-7
for epoch in range(80):
    total = 0.0
    for b in torch.randperm(700).split(35):
        p = predict(Xtr[b]).clamp(eps, 1 - eps)
        loss = -(ytr[b] * p.log() + (1 - ytr[b]) * (1 - p).log()).mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
        total += loss.item() / 20
    if epoch % 8 == 0:
        print(epoch, round(total, 4))

with torch.no_grad():
    acc = ((predict(Xte) > 0.5).float() == yte).float().mean().item()
print(f"test accuracy: {acc:.3f}")
