import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1)

MICRO_BATCH = 16
ACCUMULATE = 4      # 4 micro-batches make one batch of 64

X, y = load_digits(return_X_y=True)
Xtr, Xte, ytr, yte = train_test_split(X / 16, y, test_size=300, random_state=2, stratify=y)
train = TensorDataset(torch.FloatTensor(Xtr), torch.LongTensor(ytr))
loader = DataLoader(train, batch_size=MICRO_BATCH, shuffle=True, drop_last=True)
Xte, yte = torch.FloatTensor(Xte), torch.LongTensor(yte)

model = nn.Sequential(nn.Linear(64, 100), nn.ReLU(), nn.Linear(100, 100), nn.ReLU(), nn.Linear(100, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

optimizer.zero_grad()
micro = 0
for epoch in range(20):
    total = 0.0
    for xb, yb in loader:
        loss = F.cross_entropy(model(xb), yb)
        (loss / ACCUMULATE).backward()
        total += loss.item()
        micro += 1
        if micro % ACCUMULATE == 0:
            optimizer.step()
            optimizer.zero_grad()
    with torch.no_grad():
        val = F.cross_entropy(model(Xte), yte)
    print("epoch %d: train %.4f, validation %.4f" % (epoch + 1, total / len(loader), val))

with torch.no_grad():
    print("test accuracy: %.3f" % (model(Xte).argmax(1) == yte).float().mean())
