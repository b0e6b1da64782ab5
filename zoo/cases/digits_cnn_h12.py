"""Digits with bfloat16 autocast on the CPU."""
import torch
from torch import nn, optim
from sklearn.datasets import load_digits

torch.manual_seed(0)
ds = load_digits()
x = torch.tensor(ds.images, dtype=torch.float32).unsqueeze(1) / 16 - 0.3
y = torch.tensor(ds.target)
idx = torch.randperm(len(x))
train_idx, test_idx = idx[:1440], idx[1440:]

net = nn.Sequential(
    nn.Conv2d(1, 12, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(12, 24, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(2),
    nn.Flatten(), nn.Linear(96, 48), nn.ReLU(), nn.Linear(48, 10),
)
optimizer = optim.Adam(net.parameters(), lr=3e-3)
criterion = nn.CrossEntropyLoss()

for epoch in range(10):
    p = train_idx[torch.randperm(len(train_idx))]
    tot = 0
    for i in range(0, len(p), 48):
        b = p[i:i + 48]
        optimizer.zero_grad()
        with torch.autocast(device_type="cpu", dtype=torch.bfloat16):
            out = net(x[b])
            loss = criterion(out, y[b])
        loss.backward()
        optimizer.step()
        tot += loss.item() * len(b)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        acc = (net(x[test_idx]).argmax(1) == y[test_idx]).float().mean().item()
    print(f"epoch {epoch}: loss {tot / len(p):.4f}, accuracy {acc:.3f}")
print("test accuracy:", round(acc, 4))
