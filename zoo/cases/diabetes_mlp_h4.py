import copy
import numpy as np
import torch
from torch import nn
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

torch.manual_seed(11)

X, y = load_diabetes(return_X_y=True)
X_tr, X_te, y_tr, y_te = train_test_split(X, y, test_size=0.25, random_state=4)
sx, sy = StandardScaler().fit(X_tr), StandardScaler().fit(y_tr[:, None])
to_t = lambda a: torch.as_tensor(a, dtype=torch.float32)
X_tr, X_te = to_t(sx.transform(X_tr)), to_t(sx.transform(X_te))
y_tr, y_te = to_t(sy.transform(y_tr[:, None])), to_t(sy.transform(y_te[:, None]))

model = nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, 1))
opt = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-2)
sched = torch.optim.lr_scheduler.ReduceLROnPlateau(opt, factor=0.5, patience=5)
mse = nn.MSELoss()

best, best_state, wait = float("inf"), None, 0
for epoch in range(100):
    model.train()
    perm = torch.randperm(len(X_tr))
    tr = 0.0
    for b in perm.chunk(10):
        opt.zero_grad()
        loss = mse(model(X_tr[b]), y_tr[b])
        loss.backward()
        opt.step()
        tr += loss.item() * len(b)
    model.eval()
    with torch.no_grad():
        va = mse(model(X_te), y_te).item()
    sched.step(va)
    if epoch % 5 == 0:
        print(f"{epoch:3d} train {tr / len(X_tr):.3f} val {va:.3f} lr {opt.param_groups[0]['lr']:.1e}")
    # early stopping
    if va < best - 1e-4:
        best, best_state, wait = va, copy.deepcopy(model.state_dict()), 0
    else:
        wait += 1
        if wait >= 15:
            print("early stop at epoch", epoch)
            break

model.load_state_dict(best_state)
with torch.no_grad():
    pred = model(X_te)
r2 = 1 - ((pred - y_te) ** 2).sum() / ((y_te - y_te.mean()) ** 2).sum()
print(f"R2 = {r2.item():.3f}")
