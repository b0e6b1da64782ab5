"""Pump failures within the next week, from sixteen sensor summaries."""
import numpy as np
import torch
from sklearn.datasets import make_classification
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import train_test_split

torch.manual_seed(19)

X, y = make_classification(n_samples=6000, n_features=16, n_informative=8, n_redundant=2, n_clusters_per_class=2,
                           weights=[0.96], flip_y=0.0, class_sep=0.9, random_state=19)
X_fit, X_hold, y_fit, y_hold = train_test_split(X, y, test_size=0.3, stratify=y, random_state=19)
mean, std = X_fit.mean(0), X_fit.std(0)


def tensor(a):
    return torch.from_numpy(np.asarray((a - mean) / std, dtype=np.float32))


A, B = tensor(X_fit), tensor(X_hold)
t = torch.from_numpy(y_fit.astype(np.float32))

model = torch.nn.Sequential(torch.nn.Linear(16, 16), torch.nn.ReLU(), torch.nn.Linear(16, 1), torch.nn.Flatten(0))
criterion = torch.nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

for epoch in range(1, 11):
    losses = []
    for idx in torch.randperm(len(A)).split(64):
        loss = criterion(model(A[idx]), t[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        alarm = (model(B) > 0).numpy().astype(int)
    print(f"epoch {epoch}: bce {np.mean(losses):.4f}, plain accuracy {(alarm == y_hold).mean():.4f}, "
          f"balanced accuracy {balanced_accuracy_score(y_hold, alarm):.4f}")
