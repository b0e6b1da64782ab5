import numpy as np
import torch
import torch.nn as nn


def sound_level(xy):
    """Level of two loudspeakers playing one tone in a 6 m by 4 m room."""
    wavelength = 1.9
    k = 2 * np.pi / wavelength
    field = 0
    for sx, sy in [(1.5, 0.0), (4.5, 0.0)]:
        r = np.sqrt((xy[:, 0] - sx) ** 2 + (xy[:, 1] - sy) ** 2 + 0.3)
        field = field + np.exp(1j * k * r) / np.sqrt(r)
    return np.abs(field)


def load(n=4000, n_test=800):
    rng = np.random.default_rng(20)
    xy = rng.uniform([0, 0], [6, 4], size=(n + n_test, 2))
    level = sound_level(xy)
    level = level + rng.normal(0, 0.02, size=level.shape)
    features = (xy - [3, 2]) / [1.73, 1.15]
    level = (level - level[:n].mean()) / level[:n].std()
    features = torch.as_tensor(features, dtype=torch.float32)
    level = torch.as_tensor(level, dtype=torch.float32)[:, None]
    return features[:n], level[:n], features[n:], level[n:]


class FieldNet(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.layer1 = nn.Linear(2, width)
        self.layer2 = nn.Linear(width, width)
        self.out = nn.Linear(width, 1)

    def forward(self, p):
        p = torch.tanh(self.layer1(p))
        p = torch.tanh(self.layer2(p))
        return self.out(p)


def r_squared(model, x, y):
    model.eval()
    with torch.no_grad():
        return 1 - ((model(x) - y).pow(2).mean() / y.var()).item()


def train(epochs=25, batch_size=100):
    torch.manual_seed(20)
    x, y, x_test, y_test = load()
    model = FieldNet()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    criterion = nn.MSELoss()
    for epoch in range(epochs):
        model.train()
        permutation = torch.randperm(len(x))
        for start in range(0, len(x), batch_size):
            chosen = permutation[start:start + batch_size]
            optimizer.zero_grad()
            loss = criterion(model(x[chosen]), y[chosen])
            loss.backward()
            optimizer.step()
        if (epoch + 1) % 5 == 0:
            print(f"epoch {epoch + 1}/{epochs}  train R2 {r_squared(model, x, y):.3f}  test R2 {r_squared(model, x_test, y_test):.3f}")
    return r_squared(model, x_test, y_test)


if __name__ == "__main__":
    print("test R2: %.3f" % train())
