import torch
import torch.nn as nn
from sklearn.datasets import make_multilabel_classification
from sklearn.metrics import f1_score
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
X, Y = make_multilabel_classification(n_samples=2000, n_features=24, n_classes=5, n_labels=2, random_state=3)
X_train, X_test, Y_train, Y_test = train_test_split(X, Y, test_size=0.25, random_state=0)
m, s = X_train.mean(0), X_train.std(0)
X_train, X_test = torch.tensor((X_train - m) / s).float(), torch.tensor((X_test - m) / s).float()
Y_train = torch.tensor(Y_train).float()

model = nn.Sequential(nn.Linear(24, 48), nn.ReLU(), nn.Dropout(0.2), nn.Linear(48, 5))
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3, weight_decay=1e-4)
loader = DataLoader(TensorDataset(X_train, Y_train), batch_size=50, shuffle=True)

for epoch in range(15):
    model.train()
    s = 0
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        s += loss.item()
    model.eval()
    with torch.no_grad():
        pred = (model(X_test) > 0).int().numpy()
    f1 = f1_score(Y_test, pred, average="micro")
    print(f"epoch {epoch + 1:2d}, loss {s / len(loader):.4f}, micro F1 {f1:.4f}")
print(f"test F1: {f1:.4f}")
