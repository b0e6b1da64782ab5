import torch
import torch.nn as nn
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, Dataset


class DiabetesDataset(Dataset):
    def __init__(self, X, y):
        self.X = torch.tensor(X, dtype=torch.float32)
        self.y = torch.tensor(y, dtype=torch.float32)

    def __len__(self):
        return len(self.X)

    def __getitem__(self, i):
        return self.X[i], self.y[i]


class DiabetesNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Dropout(0.1), nn.Linear(32, 1))

    def forward(self, x):
        return self.net(x)


def main():
    torch.manual_seed(1234)
    X, y = load_diabetes(return_X_y=True)
    y = (y - y.mean()) / y.std()
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=10)
    sc = StandardScaler().fit(X_train)
    train = DataLoader(DiabetesDataset(sc.transform(X_train), y_train), batch_size=32, shuffle=True)
    test = DataLoader(DiabetesDataset(sc.transform(X_test), y_test), batch_size=89)

    model = DiabetesNet()
    loss_fn = nn.MSELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3, weight_decay=1e-4)
    for epoch in range(50):
        model.train()
        running = 0.0
        for xb, yb in train:
            optimizer.zero_grad()
            loss = loss_fn(model(xb), yb)
            loss.backward()
            optimizer.step()
            running += loss.item()
        if epoch % 5 == 4:
            print(f"epoch {epoch + 1}: train loss {running / len(train):.4f}")

    model.eval()
    with torch.no_grad():
        xb, yb = next(iter(test))
        pred = model(xb).flatten()
        r2 = 1 - ((pred - yb) ** 2).sum() / ((yb - yb.mean()) ** 2).sum()
    print(f"R2 = {r2.item():.4f}")


main()
