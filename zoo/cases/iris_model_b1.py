import torch
import torch.nn as nn
from sklearn.datasets import load_iris
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, TensorDataset


class IrisModel(nn.Module):
    def __init__(self, input_dim=4, hidden=20, classes=3):
        super().__init__()
        self.layer1 = nn.Linear(input_dim, hidden)
        self.layer2 = nn.Linear(hidden, hidden)
        self.layer3 = nn.Linear(hidden, classes)

    def forward(self, x):
        x = nn.functional.leaky_relu(self.layer1(x))
        x = nn.functional.leaky_relu(self.layer2(x))
        return self.layer3(x)


def train(model, loader, optimizer, criterion, epochs):
    model.train()
    for epoch in range(epochs):
        epoch_loss = 0.0
        for xb, yb in loader:
            loss = criterion(model(xb), yb)
            loss.backward()
            optimizer.zero_grad()
            optimizer.step()
            epoch_loss += loss.item() * len(xb)
        if epoch % 10 == 0:
            print(f"Epoch {epoch}: loss = {epoch_loss / len(loader.dataset):.4f}")


def test(model, X, y):
    model.eval()
    with torch.no_grad():
        return (model(X).argmax(dim=1) == y).float().mean().item()


if __name__ == "__main__":
    torch.manual_seed(41)
    iris = load_iris()
    X = StandardScaler().fit_transform(iris.data)
    X_train, X_test, y_train, y_test = train_test_split(X, iris.target, test_size=0.3, random_state=41, stratify=iris.target)
    loader = DataLoader(TensorDataset(torch.FloatTensor(X_train), torch.LongTensor(y_train)), batch_size=15, shuffle=True)
    model = IrisModel()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
    train(model, loader, optimizer, nn.CrossEntropyLoss(), epochs=60)
    print(f"test accuracy: {test(model, torch.FloatTensor(X_test), torch.LongTensor(y_test)):.4f}")
