import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(40)


def get_data():
    X, y = load_breast_cancer(return_X_y=True)
    Xtr, Xva, ytr, yva = train_test_split(X, y, test_size=0.35, random_state=1, stratify=y)
    sc = StandardScaler().fit(Xtr)
    as_ds = lambda X, y: TensorDataset(torch.tensor(sc.transform(X)).float(), torch.tensor(y))
    return as_ds(Xtr, ytr), as_ds(Xva, yva)


def run_epoch(model, loader, optimizer=None):
    model.train(optimizer is not None)
    loss_sum, hits, n = 0.0, 0, 0
    with torch.set_grad_enabled(optimizer is not None):
        for x, y in loader:
            logits = model(x)
            loss = F.cross_entropy(logits, y)
            if optimizer is not None:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            loss_sum += loss.item() * len(y)
            hits += (logits.argmax(1) == y).sum().item()
            n += len(y)
    return loss_sum / n, hits / n


train_ds, val_ds = get_data()
train_loader = DataLoader(train_ds, batch_size=16, shuffle=True)
val_loader = DataLoader(val_ds, batch_size=64)
model = nn.Sequential(nn.Linear(30, 32), nn.ReLU(), nn.Linear(32, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(70):
    tl, ta = run_epoch(model, train_loader, optimizer)
    vl, va = run_epoch(model, val_loader)
    print(f"epoch {epoch:2d} | loss {tl:.4f} / {vl:.4f} | accuracy {ta:.4f} / {va:.4f}")
print(f"val accuracy: {va:.4f}")
