import torch
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import scale
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(33)

# inspection features of a wafer -> one of six defect families, each with several looks
features, family = make_classification(
    n_samples=8000, n_features=10, n_informative=10, n_redundant=0, n_classes=6,
    n_clusters_per_class=4, class_sep=2.2, flip_y=0.0, random_state=4,
)
features = scale(features)


class Trainer:
    def __init__(self, model, lr):
        self.model = model
        self.optimizer = optim.Adam(model.parameters(), lr=lr)
        self.criterion = nn.CrossEntropyLoss()

    def fit(self, loader, epochs):
        for epoch in range(1, epochs + 1):
            self.model.train()
            seen, total, right = 0, 0.0, 0
            for x, t in loader:
                logits = self.model(x)
                loss = self.criterion(logits, t)
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
                seen += len(t)
                total += loss.item() * len(t)
                right += (logits.argmax(1) == t).sum().item()
            print(f"epoch {epoch:>2} | loss {total / seen:.3f} | train acc {100 * right / seen:.1f}%")

    @torch.no_grad()
    def evaluate(self, x, t):
        self.model.eval()
        return (self.model(x).argmax(1) == t).float().mean().item() * 100


def build(n_in, n_out, width=3):
    return nn.Sequential(
        nn.Linear(n_in, width),
        nn.GELU(),
        nn.Linear(width, n_out),
    )


X_tr, X_te, t_tr, t_te = train_test_split(
    torch.tensor(features, dtype=torch.float32), torch.tensor(family), test_size=0.2, random_state=0, stratify=family)
loader = DataLoader(TensorDataset(X_tr, t_tr), batch_size=80, shuffle=True)

trainer = Trainer(build(10, 6), lr=5e-3)
trainer.fit(loader, epochs=10)
print(f"test acc {trainer.evaluate(X_te, t_te):.1f}%")
