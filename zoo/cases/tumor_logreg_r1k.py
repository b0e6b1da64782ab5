import numpy as np
import torch
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

torch.manual_seed(1)

data = load_breast_cancer()
Xtr, Xte, ytr, yte = train_test_split(data.data, data.target, test_size=0.25, random_state=9, stratify=data.target)
m, s = Xtr.mean(0), Xtr.std(0)
Xtr = torch.from_numpy(((Xtr - m) / s).astype(np.float32))
Xte = torch.from_numpy(((Xte - m) / s).astype(np.float32))
ytr = torch.from_numpy(ytr.astype(np.float32))
yte = torch.from_numpy(yte.astype(np.float32))


class LogisticRegression(torch.nn.Module):
    def __init__(self, n):
        super().__init__()
        self.linear = torch.nn.Linear(n, 1)
        torch.nn.init.zeros_(self.linear.weight)
        torch.nn.init.zeros_(self.linear.bias)

    def forward(self, x):
        return self.linear(x)[:, 0]


clf = LogisticRegression(Xtr.shape[1])
objective = torch.nn.BCEWithLogitsLoss()
sgd = torch.optim.SGD(clf.parameters(), lr=0.05, momentum=0.9, weight_decay=2e-3)


def report(tag):
    with torch.no_grad():
        ztr, zte = clf(Xtr), clf(Xte)
    acc = ((zte > 0) == (yte > 0.5)).float().mean()
    print(f"{tag}: train {objective(ztr, ytr):.4f} test {objective(zte, yte):.4f} accuracy {acc:.4f}")


report("start")
for epoch in range(60):
    perm = torch.randperm(len(Xtr))
    for k in range(0, len(Xtr), 32):
        take = perm[k:k + 32]
        sgd.zero_grad()
        objective(clf(Xtr[take]), ytr[take]).backward()
        sgd.step()
    if (epoch + 1) % 10 == 0:
        report(f"epoch {epoch + 1}")
report("end")
