import torch
import torch.nn.functional as F
from sklearn.datasets import make_blobs

torch.manual_seed(0)
X, y = make_blobs(n_samples=2500, centers=[[-1.5, 0], [1.5, 0], [0, 2.2]], cluster_std=1.0, random_state=2)
X = torch.tensor(X, dtype=torch.float32)
y = torch.tensor(y)
Xtr, ytr, Xte, yte = X[:2000], y[:2000], X[2000:], y[2000:]

lin1 = torch.nn.Linear(2, 16)
lin2 = torch.nn.Linear(16, 3)
params = list(lin1.parameters()) + list(lin2.parameters())
opt = torch.optim.SGD(params, lr=0.1)


def forward(x):
    return lin2(F.relu(lin1(x)))


for epoch in range(60):
    perm = torch.randperm(len(Xtr))
    running = 0
    for i in range(0, len(Xtr), 50):
        b = perm[i:i + 50]
        loss = F.cross_entropy(forward(Xtr[b]), ytr[b])
        opt.zero_grad()
        loss.backward()
        opt.step()
        running += loss.item()
    with torch.no_grad():
        logits = forward(Xte)
        vl = F.cross_entropy(logits, yte).item()
        acc = (logits.argmax(1) == yte).float().mean().item()
    if epoch % 5 == 0:
        print(f"epoch {epoch:3d}  train {running / 40:.4f}  val {vl:.4f}  acc {acc:.3f}")
print(f"test accuracy: {acc:.3f}")
