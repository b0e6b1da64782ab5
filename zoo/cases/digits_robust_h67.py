"""Adversarial training with the fast gradient sign method."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

torch.manual_seed(29)
X, y = load_digits(return_X_y=True)
Xtr, Xte, ytr, yte = train_test_split(X / 16, y, test_size=0.25, random_state=0, stratify=y)
Xtr, Xte, ytr, yte = torch.Tensor(Xtr), torch.Tensor(Xte), torch.LongTensor(ytr), torch.LongTensor(yte)

model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10))
opt = torch.optim.Adam(model.parameters(), lr=2e-3)


def fgsm(x, target, eps):
    x = x.clone().requires_grad_(True)
    g, = torch.autograd.grad(F.cross_entropy(model(x), target), x)
    return (x + eps * g.sign()).clamp(0, 1).detach()


for epoch in range(20):
    for idx in torch.randperm(len(Xtr)).split(64):
        xb, yb = Xtr[idx], ytr[idx]
        adv = fgsm(xb, yb, eps=0.1)
        loss = 0.5 * F.cross_entropy(model(xb), yb) + 0.5 * F.cross_entropy(model(adv), yb)
        opt.zero_grad()
        loss.backward()
        opt.step()
    adv_acc = (model(fgsm(Xte, yte, 0.1)).argmax(1) == yte).float().mean().item()
    acc = (model(Xte).argmax(1) == yte).float().mean().item()
    print(f"epoch {epoch + 1:2d} loss {loss.item():.3f} clean {acc:.3f} attacked {adv_acc:.3f}")
print(f"test accuracy: {acc:.3f}")
