import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset


def largest_angle(p):
    """Largest angle in degrees of triangles p of shape (n, 3, 2)."""
    angles = []
    for k in range(3):
        u = p[:, (k + 1) % 3] - p[:, k]
        v = p[:, (k + 2) % 3] - p[:, k]
        c = (u * v).sum(1) / (np.linalg.norm(u, axis=1) * np.linalg.norm(v, axis=1) + 1e-9)
        angles.append(np.degrees(np.arccos(np.clip(c, -1, 1))))
    return np.max(angles, axis=0)


def make_triangles(n, gen):
    points = gen.normal(size=(n, 3, 2))
    points -= points.mean(1, keepdims=True)
    points /= points.std(axis=(1, 2), keepdims=True)
    kind = np.digitize(largest_angle(points), [95.0, 130.0])
    return torch.tensor(points.reshape(n, 6), dtype=torch.float32), torch.tensor(kind)


class DeepMLP(nn.Module):
    def __init__(self, d_in, width, depth, n_classes, p=0.0):
        super().__init__()
        dims = [d_in] + [width] * depth
        layers = []
        for a, b in zip(dims[:-1], dims[1:]):
            layers += [nn.Linear(a, b), nn.ReLU()]
        self.body = nn.Sequential(*layers)
        self.classifier = nn.Linear(width, n_classes)
        self.apply(self._init_weights)

    @staticmethod
    def _init_weights(module):
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=0.02)
            nn.init.zeros_(module.bias)

    def forward(self, x):
        return self.classifier(self.body(x))


def main():
    torch.manual_seed(7)
    gen = np.random.default_rng(7)
    train = DataLoader(TensorDataset(*make_triangles(6000, gen)), batch_size=64, shuffle=True)
    x_test, y_test = make_triangles(1500, gen)
    print("classes in the test set:", torch.bincount(y_test).tolist())

    model = DeepMLP(d_in=6, width=64, depth=5, n_classes=3)
    print("parameters:", sum(p.numel() for p in model.parameters()))
    sgd = torch.optim.SGD(model.parameters(), lr=0.015, momentum=0.9)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(sgd, T_max=12)
    criterion = nn.CrossEntropyLoss()

    for epoch in range(12):
        total = 0.0
        for x, y in train:
            sgd.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            sgd.step()
            total += loss.item()
        schedule.step()
        with torch.no_grad():
            logits = model(x_test)
            acc = (logits.argmax(1) == y_test).float().mean().item()
            print(f"epoch {epoch:2d} | train {total / len(train):.4f} | test {criterion(logits, y_test).item():.4f} | acc {acc:.3f}")
    print(f"final accuracy {acc:.3f}")


if __name__ == "__main__":
    main()
