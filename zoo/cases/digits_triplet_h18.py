"""Metric learning on digits: triplet loss, judged by 1-nearest-neighbour accuracy."""
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

np.random.seed(0)
torch.manual_seed(0)

X, y = load_digits(return_X_y=True)
X = (X - 8) / 8
Xtr, Xte, ytr, yte = train_test_split(X, y, test_size=0.3, random_state=0)
Xtr_t, Xte_t = torch.tensor(Xtr).float(), torch.tensor(Xte).float()
by_class = [np.flatnonzero(ytr == c) for c in range(10)]


def sample_triplets(n):
    anchor = np.random.randint(len(ytr), size=n)
    pos = np.array([np.random.choice(by_class[ytr[a]]) for a in anchor])
    neg = np.array([np.random.choice(by_class[(ytr[a] + np.random.randint(1, 10)) % 10]) for a in anchor])
    return Xtr_t[anchor], Xtr_t[pos], Xtr_t[neg]


embed = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 8))
triplet = nn.TripletMarginLoss(margin=1.0)
optimizer = torch.optim.Adam(embed.parameters(), lr=1e-3)

for it in range(1, 801):
    a, p, n = sample_triplets(32)
    loss = triplet(embed(a), embed(p), embed(n))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if it % 100 == 0:
        print(f"iteration {it}: {loss.item():.4f}")

with torch.no_grad():
    knn = KNeighborsClassifier(1).fit(embed(Xtr_t).numpy(), ytr)
    acc = knn.score(embed(Xte_t).numpy(), yte)
print(f"1-nn accuracy: {acc:.3f}")
