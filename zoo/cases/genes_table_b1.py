"""Tumour type from a gene expression table (synthetic)."""
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import make_classification

torch.manual_seed(18)
np.random.seed(18)

X, y = make_classification(n_samples=1100, n_features=200, n_informative=6, n_redundant=0, n_clusters_per_class=1,
                           class_sep=1.2, flip_y=0.02, shuffle=True, random_state=18)
X = ((X - X.mean(0)) / X.std(0)).astype(np.float32)
X_train, y_train = torch.from_numpy(X[:100]), torch.from_numpy(y[:100])
X_test, y_test = torch.from_numpy(X[100:]), torch.from_numpy(y[100:])


net = nn.Sequential(nn.Linear(200, 128), nn.ReLU(), nn.Linear(128, 2))
ce = nn.CrossEntropyLoss()
opt = torch.optim.Adam(net.parameters(), lr=0.002)
for epoch in range(60):
    net.train()
    order = np.random.permutation(100)
    for k in range(0, 100, 10):
        rows = order[k:k + 10]
        opt.zero_grad()
        loss = ce(net(X_train[rows]), y_train[rows])
        loss.backward()
        opt.step()

    if epoch % 5 == 4:
        net.eval()
        with torch.no_grad():
            test_acc = (net(X_test).argmax(1) == y_test).float().mean().item()
        print(f"epoch {epoch + 1:2d} test accuracy: {test_acc:.4f}")
