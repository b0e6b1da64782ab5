import torch
import torch.nn as nn
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(6)

X, y = load_diabetes(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=0)
xs, ys = StandardScaler(), StandardScaler()
X_train = torch.FloatTensor(xs.fit_transform(X_train))
X_test = torch.FloatTensor(xs.transform(X_test))
y_train = torch.FloatTensor(ys.fit_transform(y_train.reshape(-1, 1)))
y_test = torch.FloatTensor(ys.transform(y_test.reshape(-1, 1)))


class Regressor(nn.Module):
    def __init__(self, sizes=(10, 16, 8, 1)):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes[:-1], sizes[1:]))

    def forward(self, x):
        for layer in self.layers:
            x = torch.relu(layer(x))
        return x


model = Regressor()
criterion = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, weight_decay=1e-3)
loader = DataLoader(TensorDataset(X_train, y_train), batch_size=10, shuffle=True)

for epoch in range(20):
    model.train()
    train_loss = 0.0
    for xb, yb in loader:
        optimizer.zero_grad()
        loss = criterion(model(xb), yb)
        loss.backward()
        optimizer.step()
        train_loss += loss.item() * len(xb) / len(X_train)
    model.eval()
    with torch.no_grad():
        test_loss = criterion(model(X_test), y_test).item()
    print(f"Epoch {epoch + 1}/20 - loss: {train_loss:.4f} - val_loss: {test_loss:.4f}")
