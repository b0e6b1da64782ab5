import torch
import torch.nn.functional as F
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split

torch.manual_seed(5)

wine = load_wine()
X_train, X_test, y_train, y_test = train_test_split(
    wine.data, wine.target, test_size=0.3, stratify=wine.target, random_state=2
)
X_train = torch.tensor(X_train, dtype=torch.float32)
X_test = torch.tensor(X_test, dtype=torch.float32)
y_train = torch.tensor(y_train)
y_test = torch.tensor(y_test)


class Sommelier(torch.nn.Module):
    def __init__(self, n_features, n_hidden, n_classes):
        super().__init__()
        self.fc1 = torch.nn.Linear(n_features, n_hidden)
        self.fc2 = torch.nn.Linear(n_hidden, n_classes)

    def forward(self, x):
        return self.fc2(torch.tanh(self.fc1(x)))


def fit(model, X, y, epochs, batch_size, lr):
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    for epoch in range(epochs):
        order = torch.randperm(len(X))
        total = 0.0
        for i in range(0, len(X), batch_size):
            rows = order[i:i + batch_size]
            loss = F.cross_entropy(model(X[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
        if (epoch + 1) % 15 == 0:
            print(f"Epoch {epoch + 1}/{epochs} - loss: {total / len(X):.4f}")


model = Sommelier(wine.data.shape[1], 24, 3)
fit(model, X_train, y_train, epochs=150, batch_size=16, lr=0.02)

with torch.no_grad():
    predicted = model(X_test).argmax(dim=1)
print("Test accuracy: %.3f" % (predicted == y_test).double().mean())
