import torch
from torch import nn
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import balanced_accuracy_score, confusion_matrix
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
import numpy as np

torch.manual_seed(9)
rng = np.random.default_rng(9)

# a screening population: few malignant cases
X, y = load_breast_cancer(return_X_y=True)
y = 1 - y                                    # 1 = malignant
Xtr, Xte, ytr, yte = train_test_split(X, y, test_size=0.3, stratify=y, random_state=1)
pos, neg = np.flatnonzero(ytr == 1), np.flatnonzero(ytr == 0)
keep = np.concatenate([neg, rng.choice(pos, 40, replace=False)])
Xtr, ytr = Xtr[keep], ytr[keep]
sc = StandardScaler().fit(Xtr)
Xtr, Xte = (torch.tensor(sc.transform(a), dtype=torch.float32) for a in (Xtr, Xte))
ytr = torch.tensor(ytr)

counts = torch.bincount(ytr).float()
class_weights = counts.sum() / (2 * counts)
print("class counts", counts.int().tolist(), "weights", [round(w, 2) for w in class_weights.tolist()])

model = nn.Sequential(nn.Linear(30, 16), nn.Tanh(), nn.Linear(16, 2))
loss_fn = nn.CrossEntropyLoss(weight=class_weights)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-4)

loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(Xtr, ytr), batch_size=32, shuffle=True)
for epoch in range(40):
    for xb, yb in loader:
        optimizer.zero_grad()
        loss = loss_fn(model(xb), yb)
        loss.backward()
        optimizer.step()
    if epoch % 8 == 7:
        with torch.no_grad():
            print(f"epoch {epoch + 1}: training loss {loss_fn(model(Xtr), ytr):.4f}")

with torch.no_grad():
    pred = model(Xte).argmax(1).numpy()
print(confusion_matrix(yte, pred))
print(f"balanced accuracy: {balanced_accuracy_score(yte, pred):.3f}")
