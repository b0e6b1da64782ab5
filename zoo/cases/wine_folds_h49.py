import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_wine
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler

torch.manual_seed(0)
X, y = load_wine(return_X_y=True)


def fit_fold(X_tr, y_tr, X_va, y_va, epochs=25, batch_size=16):
    scaler = StandardScaler().fit(X_tr)
    X_tr, X_va = (torch.tensor(scaler.transform(a), dtype=torch.float32) for a in (X_tr, X_va))
    y_tr, y_va = torch.tensor(y_tr), torch.tensor(y_va)
    model = nn.Sequential(nn.Linear(13, 32), nn.ReLU(), nn.Linear(32, 3))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    criterion = nn.CrossEntropyLoss()
    for _ in range(epochs):
        for idx in torch.randperm(len(X_tr)).split(batch_size):
            optimizer.zero_grad()
            loss = criterion(model(X_tr[idx]), y_tr[idx])
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        return criterion(model(X_va), y_va).item(), (model(X_va).argmax(1) == y_va).float().mean().item()


scores = []
for fold, (tr, va) in enumerate(StratifiedKFold(5, shuffle=True, random_state=1).split(X, y)):
    val_loss, acc = fit_fold(X[tr], y[tr], X[va], y[va])
    scores.append(acc)
    print(f"fold {fold}: val loss {val_loss:.4f} accuracy {acc:.3f}")
print(f"mean accuracy: {np.mean(scores):.4f}")
