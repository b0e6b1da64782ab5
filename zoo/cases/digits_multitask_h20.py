import torch
import torch.nn as nn
from sklearn.datasets import load_digits

torch.manual_seed(10)
X, y = load_digits(return_X_y=True)
X = torch.tensor(X / 16, dtype=torch.float32)
digit = torch.tensor(y)
even = (digit % 2 == 0).float()
ink = X.sum(1)
ink = (ink - ink.mean()) / ink.std()

order = torch.randperm(len(X))
tr, te = order[:1437], order[1437:]


class MultiTask(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(64, 96), nn.ReLU(), nn.Linear(96, 64), nn.ReLU())
        self.heads = nn.ModuleDict({"digit": nn.Linear(64, 10), "even": nn.Linear(64, 1), "ink": nn.Linear(64, 1)})

    def forward(self, x):
        h = self.trunk(x)
        return {k: head(h).squeeze(-1) for k, head in self.heads.items()}


weights = {"digit": 1.0, "even": 0.3, "ink": 0.1}
loss_fns = {"digit": nn.CrossEntropyLoss(), "even": nn.BCEWithLogitsLoss(), "ink": nn.MSELoss()}
targets = {"digit": digit, "even": even, "ink": ink}

model = MultiTask()
optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)

for epoch in range(20):
    model.train()
    sums = dict.fromkeys(weights, 0.0)
    for b in tr[torch.randperm(len(tr))].split(40):
        out = model(X[b])
        parts = {k: loss_fns[k](out[k], targets[k][b]) for k in weights}
        loss = sum(weights[k] * parts[k] for k in weights)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        for k in parts:
            sums[k] += parts[k].item() * len(b) / len(tr)
    print(f"{epoch:2d} " + "  ".join(f"{k} {v:.3f}" for k, v in sums.items()))

model.eval()
with torch.no_grad():
    out = model(X[te])
    a = (out["digit"].argmax(1) == digit[te]).float().mean().item()
    e = ((out["even"] > 0).float() == even[te]).float().mean().item()
    m = (out["ink"] - ink[te]).abs().mean().item()
print(f"even accuracy {e:.3f}, ink error {m:.3f}")
print(f"test accuracy: {a:.3f}")
