# Learning from labels of a cheap annotator: about 20 % of the training labels are random.
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

np.random.seed(30)
torch.manual_seed(30)

X, y = load_digits(return_X_y=True)
X = ((X - X.mean()) / X.std()).astype("float32")
Xtr, Xte, ytr, yte = train_test_split(X, y, test_size=0.3, random_state=5)
noisy = ytr.copy()
flip = np.random.rand(len(noisy)) < 0.2
noisy[flip] = np.random.randint(0, 10, flip.sum())

Xtr, Xte = torch.from_numpy(Xtr), torch.from_numpy(Xte)
noisy, yte = torch.from_numpy(noisy), torch.from_numpy(yte)

model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
opt = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-3)
crit = nn.CrossEntropyLoss()

for epoch in range(12):
    ids = torch.randperm(len(Xtr))
    losses = []
    for k in range(0, len(ids), 32):
        j = ids[k:k + 32]
        opt.zero_grad()
        l = crit(model(Xtr[j]), noisy[j])
        l.backward()
        opt.step()
        losses.append(l.item())
    print(f"epoch {epoch + 1}\tloss {np.mean(losses):.3f}")

with torch.no_grad():
    print(f"test accuracy: {(model(Xte).argmax(1) == yte).float().mean().item():.3f}  (clean labels)")
