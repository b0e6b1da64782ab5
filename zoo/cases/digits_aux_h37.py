"""Convolutional net with auxiliary classifiers at every stage (deeply supervised)."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(27)

raw = load_digits()
ds = TensorDataset(torch.tensor(raw.images / 16.0).float().unsqueeze(1), torch.tensor(raw.target))
train_ds, test_ds = random_split(ds, [1437, 360])


class Stage(nn.Module):
    def __init__(self, cin, cout):
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, 3, padding=1, bias=False)
        self.norm = nn.GroupNorm(4, cout)
        self.aux = nn.Linear(cout * 4, 10)

    def forward(self, x):
        x = F.relu(self.norm(self.conv(x)))
        return x, self.aux(F.adaptive_avg_pool2d(x, 2).flatten(1))


class DSN(nn.Module):
    def __init__(self):
        super().__init__()
        self.stages = nn.ModuleList([Stage(1, 12), Stage(12, 16), Stage(16, 24)])

    def forward(self, x):
        outs = []
        for i, s in enumerate(self.stages):
            x, o = s(x)
            outs.append(o)
            if i < 1:
                x = F.max_pool2d(x, 2)
        return outs  # the last one is the prediction


net = DSN()
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
train_loader = DataLoader(train_ds, batch_size=64, shuffle=True)
xt, yt = next(iter(DataLoader(test_ds, batch_size=len(test_ds))))
aux_weight = 0.3

for epoch in range(10):
    for x, y in train_loader:
        outs = net(x)
        loss = F.cross_entropy(outs[-1], y) + aux_weight * sum(F.cross_entropy(o, y) for o in outs[:-1])
        opt.zero_grad()
        loss.backward()
        opt.step()
    with torch.no_grad():
        accs = [(o.argmax(1) == yt).float().mean().item() for o in net(xt)]
    print(f"epoch {epoch}: loss {loss.item():.3f}  accuracy per stage", " ".join(f"{a:.3f}" for a in accs))
print(f"test accuracy: {accs[-1]:.3f}")
