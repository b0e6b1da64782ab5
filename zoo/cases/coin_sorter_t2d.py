import numpy as np
import torch
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset

# diameter mm, weight g, thickness mm, conductivity, magnetic response, edge roughness
COINS = {
    "1c": (16.3, 2.3, 1.67, 12.0, 0.9, 0.1),
    "2c": (18.8, 3.1, 1.67, 12.5, 0.9, 0.3),
    "5c": (21.2, 3.9, 1.67, 12.2, 0.9, 0.1),
    "10c": (19.8, 4.1, 1.93, 9.0, 0.1, 0.6),
    "20c": (22.2, 5.7, 2.14, 9.2, 0.1, 0.4),
    "50c": (24.2, 7.8, 2.38, 9.1, 0.1, 0.6),
}
SPREAD = np.array([0.7, 0.45, 0.12, 1.0, 0.25, 0.15])

torch.manual_seed(11)
rng = np.random.default_rng(11)


def measure(per_coin):
    rows, labels = [], []
    for label, ideal in enumerate(COINS.values()):
        wear = rng.uniform(0.97, 1.0, size=(per_coin, 1))
        rows.append(np.array(ideal) * wear + SPREAD * rng.normal(size=(per_coin, 6)))
        labels += [label] * per_coin
    return np.concatenate(rows), np.array(labels)


x_train, y_train = measure(350)
x_test, y_test = measure(100)
mu, sigma = x_train.mean(0), x_train.std(0)
x_train = torch.tensor((x_train - mu) / sigma).float()
x_test = torch.tensor((x_test - mu) / sigma).float()
y_train, y_test = torch.tensor(y_train), torch.tensor(y_test)

loader = DataLoader(TensorDataset(x_train, y_train), batch_size=50, shuffle=True)

net = nn.Sequential(
    nn.Linear(6, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.1),
    nn.Linear(64, 32), nn.BatchNorm1d(32), nn.ReLU(),
    nn.Linear(32, len(COINS)),
)
optimizer = optim.Adam(net.parameters(), lr=2e-3)
ce = nn.CrossEntropyLoss()


def train_epoch():
    net.train()
    seen = right = 0
    for xb, yb in loader:
        optimizer.zero_grad()
        scores = net(xb)
        loss = ce(scores, yb)
        loss.backward()
        optimizer.step()
        seen += len(yb)
        right += (scores.argmax(1) == yb).sum().item()
    return right / seen


def coin_accuracies():
    """Accuracy on the test coins, one denomination at a time."""
    result = {}
    with torch.no_grad():
        for label, coin in enumerate(COINS):
            pick = y_test == label
            result[coin] = (net(x_test[pick]).argmax(1) == label).float().mean().item()
    return result


for epoch in range(1, 21):
    train_acc = train_epoch()
    if epoch % 4 == 0:
        per_coin = coin_accuracies()
        print(f"epoch {epoch}: train {train_acc:.3f}  " + "  ".join(f"{c} {a:.2f}" for c, a in per_coin.items()))

print(f"mean test accuracy {sum(per_coin.values()) / len(per_coin):.3f}")
