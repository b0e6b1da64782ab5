"""What an optimizer's steps are like, in a network of sigmoid layers on the wine table."""

import torch
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler
from torch import nn

torch.manual_seed(0)
features, targets = load_wine(return_X_y=True)
x = torch.tensor(StandardScaler().fit_transform(features), dtype=torch.float32)
y = torch.tensor(targets)

model = nn.Sequential(
    nn.Linear(13, 32),
    nn.Sigmoid(),
    nn.Linear(32, 32),
    nn.Sigmoid(),
    nn.Linear(32, 32),
    nn.Sigmoid(),
    nn.Linear(32, 3),
)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
weights = [layer.weight for layer in model if isinstance(layer, nn.Linear)]

before = [w.detach().clone() for w in weights]
last = None
cosines, spreads = [], []
for step in range(200):
    batch = torch.randint(len(x), (16,))
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
    loss.backward()
    optimizer.step()

    moved = [w.detach() - b for w, b in zip(weights, before)]
    before = [w.detach().clone() for w in weights]
    sizes = torch.stack([m.pow(2).mean().sqrt() for m in moved])
    flat = torch.cat([m.flatten() / (s + 1e-30) for m, s in zip(moved, sizes)])
    if last is not None and step >= 20:
        cosines.append(torch.cosine_similarity(flat, last, dim=0))
        spreads.append(sizes.max() / sizes.min())
    last = flat

print(f"cosine of consecutive steps: {torch.stack(cosines).median():.4f}")
print(f"largest layer step over smallest: {torch.stack(spreads).median():.4f}")
