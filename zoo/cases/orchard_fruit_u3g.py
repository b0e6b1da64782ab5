import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

# Simulated optical sorter of an orchard: from 14 readings tell the variety (5) and the sugar / acid content.
torch.manual_seed(30)
rng = np.random.default_rng(30)
N, VARIETIES = 5000, 5
variety = rng.integers(0, VARIETIES, N)
sugar = rng.normal(12.0, 1.5, N) + 0.4 * variety
acid = rng.normal(0.6, 0.12, N) + 0.03 * (variety == 2)
mixing = np.random.RandomState(1).normal(size=(9, 14))
hidden = np.column_stack([np.eye(VARIETIES)[variety] * 1.6, (sugar - 12.8) / 1.5, (acid - 0.6) / 0.12,
                          np.tanh((sugar - 12.8) / 1.5), rng.normal(size=N)])
readings = hidden @ mixing / 2 + 0.1 * rng.standard_normal((N, 14))

tr = slice(0, 4000)
va = slice(4000, N)
readings = (readings - readings[tr].mean(0)) / readings[tr].std(0)
content = np.column_stack([sugar, acid])
content = (content - content[tr].mean(0)) / content[tr].std(0)
X = torch.tensor(readings, dtype=torch.float32)
Y = torch.tensor(content, dtype=torch.float32)
C = torch.tensor(variety)


class FruitNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(14, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU())
        self.variety = nn.Linear(64, VARIETIES)
        self.content = nn.Linear(64, 2)

    def forward(self, x):
        z = self.trunk(x)
        return self.variety(z), self.content(z)


net = FruitNet()
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, T_max=25)

for epoch in range(25):
    net.train()
    sums = np.zeros(2)
    perm = torch.randperm(4000)
    for i in range(0, 4000, 80):
        b = perm[i:i + 80]
        logits, pred = net(X[tr][b])
        ce = F.cross_entropy(logits, C[tr][b])
        mse = F.mse_loss(pred, Y[tr][b])
        loss = ce + 10.0 * mse
        opt.zero_grad()
        loss.backward()
        opt.step()
        sums += [ce.item(), mse.item()]
    sched.step()
    net.eval()
    with torch.no_grad():
        logits, pred = net(X[va])
        acc = (logits.argmax(1) == C[va]).float().mean().item()
        r2 = (1 - (pred - Y[va]).pow(2).mean(0) / Y[va].var(0)).tolist()
        val_ce, val_mse = F.cross_entropy(logits, C[va]).item(), F.mse_loss(pred, Y[va]).item()
    print(f"{epoch:2d} ce {sums[0] / 50:.4f}/{val_ce:.4f} mse {sums[1] / 50:.4f}/{val_mse:.4f} "
          f"acc {acc:.3f} sugar R2 {r2[0]:.3f} acid R2 {r2[1]:.3f}")

print(f"worst of accuracy and the two R2: {min(acc, *r2):.3f}")
