import torch
import torch.nn as nn
import torch.optim as optim
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

torch.manual_seed(30)

X, y = load_breast_cancer(return_X_y=True)
X_train, X_val, y_train, y_val = train_test_split(X, y, test_size=0.3, random_state=30, stratify=y)
scaler = StandardScaler().fit(X_train)
X_train, X_val = (torch.tensor(scaler.transform(a), dtype=torch.float32) for a in (X_train, X_val))
y_train, y_val = (torch.tensor(a, dtype=torch.float32) for a in (y_train, y_val))

BN_MOMENTUM = 0.0001

layers = []
width = 30
for n in (64, 64, 32):
    layers += [nn.Linear(width, n), nn.BatchNorm1d(n, momentum=BN_MOMENTUM), nn.ReLU()]
    width = n
model = nn.Sequential(*layers, nn.Linear(width, 1), nn.Flatten(0))

criterion = nn.BCEWithLogitsLoss()
optimizer = optim.Adam(model.parameters(), lr=5e-4, weight_decay=1e-4)

for epoch in range(25):
    model.train()
    running = 0.0
    batches = torch.randperm(len(X_train)).chunk(12)
    for b in batches:
        optimizer.zero_grad()
        loss = criterion(model(X_train[b]), y_train[b])
        loss.backward()
        optimizer.step()
        running += loss.item()
    model.eval()
    with torch.no_grad():
        val = criterion(model(X_val), y_val).item()
    print(f"epoch {epoch + 1:2d}  loss {running / len(batches):.4f}  val_loss {val:.4f}")
