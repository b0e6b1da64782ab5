# Detect faulty bearings from short vibration snippets.
import numpy as np
import torch
import torch.nn as nn
from sklearn.metrics import accuracy_score, confusion_matrix, recall_score
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset

np.random.seed(5)
torch.manual_seed(5)

N, T = 5000, 48
faulty = np.random.rand(N) < 0.04
signal = np.random.randn(N, T)
tt = np.arange(T)
for i in range(N):
    signal[i] += 0.8 * np.sin(2 * np.pi * tt / 16 + np.random.uniform(0, 2 * np.pi))
    if faulty[i]:
        knock = np.exp(-((tt[:, None] - np.random.uniform(0, 12) - np.arange(0, T, 12)) ** 2) / 2.0).sum(1)
        signal[i] += np.random.uniform(1.0, 2.0) * knock

X = torch.tensor(signal[:, None, :], dtype=torch.float32)
y = torch.tensor(faulty, dtype=torch.float32)
train_idx, test_idx = train_test_split(np.arange(N), test_size=0.4, stratify=faulty, random_state=0)
X = (X - X[train_idx].mean()) / X[train_idx].std()
loader = DataLoader(TensorDataset(X[train_idx], y[train_idx]), batch_size=64, shuffle=True)

model = nn.Sequential(
    nn.Conv1d(1, 8, 5, padding=2), nn.ReLU(), nn.MaxPool1d(2),
    nn.Conv1d(8, 16, 5, padding=2), nn.ReLU(), nn.AdaptiveAvgPool1d(4),
    nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Dropout(0.3), nn.Linear(32, 1),
)
loss_fn = nn.BCEWithLogitsLoss()
opt = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-3)

for epoch in range(14):
    model.train()
    total = 0.0
    for xb, yb in loader:
        opt.zero_grad()
        loss = loss_fn(model(xb).squeeze(1), yb)
        loss.backward()
        opt.step()
        total += loss.item() * len(xb)
    print("epoch", epoch + 1, "loss", round(total / len(train_idx), 4))

model.eval()
with torch.no_grad():
    predicted = (model(X[test_idx]).squeeze(1) > 0).numpy()
print("accuracy", accuracy_score(faulty[test_idx], predicted))
print(confusion_matrix(faulty[test_idx], predicted))
print("recall of faulty:", round(recall_score(faulty[test_idx], predicted), 4))
