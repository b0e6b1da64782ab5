import torch
from torch import nn
from sklearn.datasets import load_digits
from torch.optim.lr_scheduler import CosineAnnealingWarmRestarts

torch.manual_seed(83)
d = load_digits()
x = torch.tensor(d.images, dtype=torch.float32)[:, None] / 16
y = torch.tensor(d.target)
p = torch.randperm(len(x))
xtr, ytr, xte, yte = x[p[360:]], y[p[360:]], x[p[:360]], y[p[:360]]


def augment(img):
    # brightness and a little noise
    img = img * (0.75 + 0.5 * torch.rand(len(img), 1, 1, 1))
    return (img + 0.1 * torch.randn_like(img)).clamp(0, 1)


net = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(),
    nn.Conv2d(16, 16, 3, padding=1, stride=2), nn.ReLU(),
    nn.Conv2d(16, 32, 3, padding=1, stride=2), nn.ReLU(),
    nn.Flatten(), nn.Dropout(0.25), nn.Linear(128, 10),
)
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
steps = len(xtr) // 64
sched = CosineAnnealingWarmRestarts(opt, T_0=4 * steps)
ce = nn.CrossEntropyLoss()
for epoch in range(16):
    net.train()
    total = 0.0
    perm = torch.randperm(len(xtr))
    for k in range(steps):
        i = perm[64 * k:64 * (k + 1)]
        loss = ce(net(augment(xtr[i])), ytr[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
        sched.step()
        total += loss.item()
    net.eval()
    with torch.no_grad():
        out = net(xte)
    print(f"epoch {epoch + 1:2d}  lr {sched.get_last_lr()[0]:.1e}  train {total / steps:.3f}  "
          f"val {ce(out, yte):.3f}  acc {(out.argmax(1) == yte).float().mean():.3f}")
print(f"test accuracy: {(out.argmax(1) == yte).float().mean():.3f}")
