from statistics import mean, stdev

import torch
from sklearn.datasets import make_gaussian_quantiles
from sklearn.model_selection import StratifiedKFold

torch.manual_seed(31)

X, y = make_gaussian_quantiles(n_samples=4000, n_features=3, n_classes=3, random_state=31)
X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y)


class RingClassifier(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.l1 = torch.nn.Linear(3, 48)
        self.l2 = torch.nn.Linear(48, 3)

    def forward(self, x):
        return self.l2(torch.nn.functional.gelu(self.l1(x)))


def fit(model, X, y, epochs=20, batch_size=50):
    opt = torch.optim.AdamW(model.parameters(), lr=1e-2)
    steps = epochs * -(-len(X) // batch_size)
    sched = torch.optim.lr_scheduler.OneCycleLR(opt, max_lr=1e-2, total_steps=steps)
    for _ in range(epochs):
        running = 0.0
        for idx in torch.randperm(len(X)).split(batch_size):
            opt.zero_grad()
            loss = torch.nn.functional.cross_entropy(model(X[idx]), y[idx])
            loss.backward()
            opt.step()
            sched.step()
            running += loss.item() * len(idx)
    return running / len(X)


scores = []
folds = StratifiedKFold(n_splits=4, shuffle=True, random_state=0)
for k, (tr, te) in enumerate(folds.split(X, y), start=1):
    model = RingClassifier()
    train_loss = fit(model, X[tr], y[tr])
    with torch.no_grad():
        out = model(X[te])
        acc = (out.argmax(1) == y[te]).float().mean().item()
        test_loss = torch.nn.functional.cross_entropy(out, y[te]).item()
    scores.append(acc)
    print(f"fold {k}: train loss {train_loss:.4f}  held-out loss {test_loss:.4f}  accuracy {acc:.4f}")

print(f"4-fold accuracy {mean(scores):.4f} +- {stdev(scores):.4f}")
