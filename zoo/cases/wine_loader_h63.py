import torch
from torch import nn, optim
from torch.utils.data import DataLoader, Dataset
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler


class WineDataset(Dataset):
    def __init__(self, X, y):
        self.X, self.y = torch.as_tensor(X, dtype=torch.float32), torch.as_tensor(y)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, item):
        return {"features": self.X[item], "label": self.y[item]}


torch.manual_seed(7)
X, y = load_wine(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=49, random_state=0, stratify=y)   # 129 for training
scaler = StandardScaler().fit(X_train)
train_loader = DataLoader(WineDataset(scaler.transform(X_train), y_train), batch_size=16, shuffle=True, drop_last=False)
test_loader = DataLoader(WineDataset(scaler.transform(X_test), y_test), batch_size=16)

model = nn.Sequential(nn.Linear(13, 32), nn.LayerNorm(32), nn.ReLU(), nn.Linear(32, 3))
optimizer = optim.Adam(model.parameters(), lr=2e-3)
criterion = nn.CrossEntropyLoss()

for epoch in range(25):
    model.train()
    for batch in train_loader:
        loss = criterion(model(batch["features"]), batch["label"])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        # the batch at the end of an epoch holds one bottle only
    print(f"epoch {epoch} last batch: {len(batch['label'])} rows, loss {loss.item():.4f}")

model.eval()
hits = 0
with torch.no_grad():
    for batch in test_loader:
        hits += (model(batch["features"]).argmax(1) == batch["label"]).sum().item()
print("test accuracy:", round(hits / 49, 4))
