import torch
import torch.nn as nn
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(28)
EPOCHS = 120

X, y = load_diabetes(return_X_y=True)
X_train, X_val, y_train, y_val = train_test_split(X, y, test_size=0.25, random_state=2)
xs = StandardScaler().fit(X_train)
ys = StandardScaler().fit(y_train[:, None])
train = TensorDataset(torch.tensor(xs.transform(X_train)).float(), torch.tensor(ys.transform(y_train[:, None])).float())
val = TensorDataset(torch.tensor(xs.transform(X_val)).float(), torch.tensor(ys.transform(y_val[:, None])).float())
train_loader = DataLoader(train, batch_size=32, shuffle=True)
val_loader = DataLoader(val, batch_size=128)

model = nn.Sequential(
    nn.Linear(10, 128), nn.ReLU(),
    nn.Linear(128, 128), nn.ReLU(),
    nn.Linear(128, 1),
)
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

for epoch in range(1, EPOCHS + 1):
    model.train()
    train_loss = 0.0
    for xb, yb in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(xb), yb)
        loss.backward()
        optimizer.step()
        train_loss += loss.item() * len(xb)
    model.eval()
    val_loss = 0.0
    with torch.no_grad():
        for xb, yb in val_loader:
            val_loss += criterion(model(xb), yb).item() * len(xb)
    print(f"Epoch {epoch:3d}/{EPOCHS}  train {train_loss / len(train):.4f}  val {val_loss / len(val):.4f}")
