import torch
import torch.nn as nn
from sklearn.datasets import make_classification
from sklearn.metrics import balanced_accuracy_score, confusion_matrix
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(9)

X, y = make_classification(n_samples=6000, n_features=12, n_informative=6, n_redundant=2, n_clusters_per_class=1,
                           weights=[0.8, 0.2], class_sep=1.4, flip_y=0.02, random_state=4)
X_tr, X_te, y_tr, y_te = train_test_split(X, y, test_size=1500, stratify=y, random_state=4)
scaler = StandardScaler().fit(X_tr)
X_tr = torch.tensor(scaler.transform(X_tr), dtype=torch.float32)
X_te = torch.tensor(scaler.transform(X_te), dtype=torch.float32)
y_tr = torch.tensor(y_tr)
y_te = torch.tensor(y_te)

counts = torch.bincount(y_tr)
weights = len(y_tr) / (2.0 * counts)
print("patients per class:", counts.tolist(), "weights:", [round(w, 2) for w in weights.tolist()])

net = nn.Sequential(nn.Linear(12, 24), nn.ReLU(), nn.Linear(24, 12), nn.ReLU(), nn.Linear(12, 2))
criterion = nn.CrossEntropyLoss(weight=weights)
optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-2)
loader = DataLoader(TensorDataset(X_tr, y_tr), batch_size=64, shuffle=True)

for epoch in range(12):
    net.train()
    train_loss = 0.0
    for xb, yb in loader:
        optimizer.zero_grad()
        loss = criterion(net(xb), yb)
        loss.backward()
        optimizer.step()
        train_loss += loss.item()
    net.eval()
    with torch.no_grad():
        logits = net(X_te)
        test_loss = criterion(logits, y_te).item()
    score = balanced_accuracy_score(y_te, logits.argmax(1))
    print(f"epoch {epoch + 1:2d}: train {train_loss / len(loader):.4f}, test {test_loss:.4f}, balanced acc {score:.3f}")

print(confusion_matrix(y_te, logits.argmax(1)))
print(f"balanced accuracy: {score:.3f}")
