import torch
from torch import nn
from torch.nn.functional import normalize, cross_entropy
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

torch.manual_seed(14)
d = load_digits()
imgs = torch.tensor(d.images, dtype=torch.float32) / 16
labels = d.target
perm = torch.randperm(len(imgs))
train, test = perm[:1400], perm[1400:]


def augment(x):
    """Random shift by up to one pixel, brightness and noise."""
    dx, dy = torch.randint(-1, 2, (2,)).tolist()
    x = torch.roll(x, (dx, dy), dims=(1, 2))
    x = x * (0.7 + 0.6 * torch.rand(len(x), 1, 1))
    return x + 0.1 * torch.randn_like(x)


encoder = nn.Sequential(nn.Flatten(), nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU())
projector = nn.Linear(64, 32)
opt = torch.optim.Adam([*encoder.parameters(), *projector.parameters()], lr=2e-3)
tau = 0.2

for epoch in range(40):
    total = 0.0
    for b in train[torch.randperm(len(train))].split(100):
        z1 = normalize(projector(encoder(augment(imgs[b]))), dim=1)
        z2 = normalize(projector(encoder(augment(imgs[b]))), dim=1)
        sim = z1 @ z2.T / tau
        target = torch.arange(len(b))
        loss = 0.5 * (cross_entropy(sim, target) + cross_entropy(sim.T, target))
        opt.zero_grad()
        loss.backward()
        opt.step()
        total += loss.item()
    if epoch % 5 == 4:
        print(f"epoch {epoch + 1}: InfoNCE {total / 14:.3f}")

with torch.no_grad():
    f_train, f_test = encoder(imgs[train]).numpy(), encoder(imgs[test]).numpy()
probe = LogisticRegression(max_iter=1000).fit(f_train, labels[train.numpy()])
print("linear probe accuracy:", round(probe.score(f_test, labels[test.numpy()]), 3))
