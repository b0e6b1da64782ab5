import torch
import torch.nn as nn
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

torch.manual_seed(15)

X, y = load_breast_cancer(return_X_y=True)
Xtr, Xte, ytr, yte = train_test_split(X, y, random_state=12, stratify=y)
s = StandardScaler().fit(Xtr)
Xtr = torch.tensor(s.transform(Xtr), dtype=torch.float64)
Xte = torch.tensor(s.transform(Xte), dtype=torch.float64)
ytr = torch.tensor(ytr, dtype=torch.float64).unsqueeze(1)
yte = torch.tensor(yte, dtype=torch.float64).unsqueeze(1)

net = nn.Sequential(nn.Linear(30, 8), nn.Tanh(), nn.Linear(8, 1)).double()
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.LBFGS(net.parameters(), lr=1, max_iter=4, line_search_fn="strong_wolfe")
l2 = 2e-3


def closure():
    optimizer.zero_grad()
    loss = criterion(net(Xtr), ytr)
    loss = loss + l2 * sum((p ** 2).sum() for p in net.parameters())
    loss.backward()
    return loss


for it in range(60):
    loss = optimizer.step(closure)
    if it % 10 == 0:
        print("iteration", it, "objective", loss.item())

with torch.no_grad():
    acc = ((net(Xte) > 0).double() == yte).double().mean().item()
print("test accuracy:", round(acc, 4))
