"""Find the fraudulent transactions (synthetic table)."""
import torch
import torch.nn as nn
from sklearn.datasets import make_classification
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(12)

X, y = make_classification(n_samples=4000, n_features=12, n_informative=5, n_redundant=2, n_clusters_per_class=1,
                           weights=[0.97], class_sep=0.7, flip_y=0.0, random_state=12)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=0, stratify=y)
scaler = StandardScaler().fit(X_train)
X_train = torch.tensor(scaler.transform(X_train), dtype=torch.float32)
X_test = torch.tensor(scaler.transform(X_test), dtype=torch.float32)
y_train = torch.tensor(y_train, dtype=torch.float32)

net = nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 1))
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
loader = DataLoader(TensorDataset(X_train, y_train), batch_size=64, shuffle=True)

for epoch in range(15):
    net.train()
    total, right = 0.0, 0
    for xb, yb in loader:
        out = net(xb).squeeze(1)
        loss = criterion(out, yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(yb)
        right += ((out > 0) == (yb > 0)).sum().item()
    print(f"epoch {epoch + 1:2d}: loss {total / len(y_train):.4f}, train accuracy {right / len(y_train):.4f}")

net.eval()
with torch.no_grad():
    found = (net(X_test).squeeze(1) > 0).long().numpy()
print(f"frauds found: {int(found[y_test == 1].sum())} of {int((y_test == 1).sum())}")
print(f"balanced accuracy: {balanced_accuracy_score(y_test, found):.4f}")
