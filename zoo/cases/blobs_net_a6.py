import torch
from sklearn.datasets import make_blobs
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset


class Exp(nn.Module):
    """Exponential activation (as in Keras)."""

    def forward(self, x):
        return torch.exp(x)


def build(depth, width=5):
    layers, n = [], 2
    for _ in range(depth):
        linear = nn.Linear(n, width)
        nn.init.kaiming_uniform_(linear.weight)
        nn.init.zeros_(linear.bias)
        layers += [linear, Exp()]
        n = width
    return nn.Sequential(*layers, nn.Linear(n, 3))


def train(model, loader, optimizer, loss_fn):
    total = 0.0
    for x, y in loader:
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(loader)


def test(model, x, y):
    with torch.no_grad():
        return (model(x).argmax(1) == y).double().mean().item()


if __name__ == "__main__":
    torch.manual_seed(11)
    X, y = make_blobs(n_samples=1000, centers=3, n_features=2, cluster_std=2, random_state=2)
    X = torch.tensor((X - X.mean(0)) / X.std(0), dtype=torch.float32)
    y = torch.tensor(y)
    loader = DataLoader(TensorDataset(X[:700], y[:700]), batch_size=32, shuffle=True)
    model = build(depth=8)
    optimizer = optim.Adam(model.parameters(), lr=2e-3)
    for epoch in range(40):
        loss = train(model, loader, optimizer, nn.CrossEntropyLoss())
        print(f"epoch {epoch}: loss {loss:.4f}, accuracy {test(model, X[700:], y[700:]):.3f}")
    print(f"test accuracy: {test(model, X[700:], y[700:]):.3f}")
