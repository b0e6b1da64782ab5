import numpy as np
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits

torch.manual_seed(5)

images, labels = load_digits(return_X_y=True)
images = torch.tensor(images, dtype=torch.float32) / 16 - 0.3
labels = torch.tensor(labels)
order = np.random.RandomState(0).permutation(len(labels))
train_idx, test_idx = torch.tensor(order[:1400]), torch.tensor(order[1400:])
xtr, ytr = images[train_idx], labels[train_idx]
xte, yte = images[test_idx], labels[test_idx]

# a two-layer net with plain tensors
w1 = (torch.randn(64, 48) * (2 / 64) ** 0.5).requires_grad_()
b1 = torch.zeros(48, requires_grad=True)
w2 = (torch.randn(48, 10) * (1 / 48) ** 0.5).requires_grad_()
b2 = torch.zeros(10, requires_grad=True)
params = [w1, b1, w2, b2]


def net(x):
    return F.relu(x @ w1 + b1) @ w2 + b2


lr = 0.1
bs = 28
for epoch in range(40):
    shuffled = torch.randperm(len(xtr))
    losses = []
    for start in range(0, len(xtr), bs):
        pick = shuffled[start:start + bs]
        loss = F.cross_entropy(net(xtr[pick]), ytr[pick])
        loss.backward()
        with torch.no_grad():
            for p in params:
                p -= lr * p.grad
        losses.append(loss.item())
    if epoch % 4 == 3:
        with torch.no_grad():
            print("epoch %2d   mean loss %8.4f   test loss %8.4f" % (epoch + 1, np.mean(losses), F.cross_entropy(net(xte), yte)))

with torch.no_grad():
    hits = (net(xte).argmax(dim=1) == yte).float().mean()
print("test accuracy: %.4f" % hits)
