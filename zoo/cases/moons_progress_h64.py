import sys
import torch
import torch.nn as nn
from sklearn.datasets import make_moons
from torch.utils.data import DataLoader, TensorDataset


def bar(i, n, text, width=24):
    done = int(width * i / n)
    sys.stdout.write("\r[" + "#" * done + "." * (width - done) + f"] {i}/{n} {text}")
    sys.stdout.flush()
    if i == n:
        sys.stdout.write("\n")


torch.manual_seed(88)
X, y = make_moons(n_samples=1500, noise=0.2, random_state=4)
X, y = torch.from_numpy(X).float(), torch.from_numpy(y)
loader = DataLoader(TensorDataset(X[:1000], y[:1000]), batch_size=25, shuffle=True)

model = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 2))
opt = torch.optim.Adam(model.parameters(), lr=3e-3)
loss_fn = nn.CrossEntropyLoss()
for epoch in range(12):
    print(f"Epoch {epoch + 1}/12")
    mean = 0.0
    for i, (xb, yb) in enumerate(loader, 1):
        opt.zero_grad()
        loss = loss_fn(model(xb), yb)
        loss.backward()
        opt.step()
        mean += (loss.item() - mean) / i
        bar(i, len(loader), f"loss: {mean:.4f}")

model.eval()
with torch.no_grad():
    acc = (model(X[1000:]).argmax(1) == y[1000:]).float().mean().item()
print(f"test accuracy: {acc:.3f}")
