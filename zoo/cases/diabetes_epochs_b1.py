import torch
from torch import nn, optim
from torch.nn import functional as F
from sklearn.datasets import load_diabetes
from sklearn.preprocessing import scale


def load(seed=0):
    X, y = load_diabetes(return_X_y=True)
    X, y = torch.tensor(scale(X)).float(), torch.tensor(scale(y)).float().unsqueeze(1)
    order = torch.randperm(len(X), generator=torch.Generator().manual_seed(3))
    X, y = X[order], y[order]
    return (X[:250], y[:250]), (X[250:], y[250:])


def train_one_epoch(net, data, optimizer, batch_size=25):
    X, y = data
    total = 0.0
    for rows in torch.randperm(len(X)).split(batch_size):
        optimizer.zero_grad()
        loss = F.mse_loss(net(X[rows]), y[rows])
        loss.backward()
        optimizer.step()
        total += loss.item() * len(rows)
    return total / len(X)


def validate(net, data):
    net.eval()
    with torch.no_grad():
        return F.mse_loss(net(data[0]), data[1]).item()


def main():
    torch.manual_seed(100)
    train, val = load()
    net = nn.Sequential(
        nn.Dropout(0.1), nn.Linear(10, 128), nn.ReLU(), nn.Dropout(0.6),
        nn.Linear(128, 64), nn.ReLU(), nn.Dropout(0.6), nn.Linear(64, 1),
    )
    net.train()
    optimizer = optim.Adam(net.parameters(), lr=1e-3)
    for epoch in range(150):
        train_loss = train_one_epoch(net, train, optimizer)
        val_loss = validate(net, val)
        if epoch % 10 == 9:
            print(f"epoch {epoch + 1}: train {train_loss:.4f} val {val_loss:.4f}")
    print(f"final val loss {val_loss:.4f}")


if __name__ == "__main__":
    main()
