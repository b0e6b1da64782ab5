import numpy as np
import torch
from torch import nn, optim
import torch.nn.functional as F
from sklearn.metrics import balanced_accuracy_score
from torch.utils.data import DataLoader, TensorDataset

ORIGINS = ["acacia", "linden", "chestnut", "heather", "buckwheat"]
SHARE = [0.35, 0.3, 0.2, 0.11, 0.04]


def lab_values(n, rng):
    """Eleven lab values (conductivity, acidity, pollen shares, ...) per jar, standardised."""
    kind = rng.choice(len(ORIGINS), size=n, p=SHARE)
    hidden = rng.normal(size=(n, 4)) * 0.55
    centres = np.array([[1, 0, 0, 1], [-1, 1, 0, 0], [0, -1, 1, 1], [0, 1, -1, -1], [1, 1, 1, -1]]) * 1.3
    hidden += centres[kind]
    mix = np.random.RandomState(4).normal(size=(4, 11))
    values = np.tanh(hidden @ mix * 0.4) + 0.1 * rng.normal(size=(n, 11))
    return (values - values.mean(0)) / values.std(0), kind


def balanced_ce(logits, target):
    # every origin should count the same, however many jars we have of it
    per_jar = F.cross_entropy(logits, target, reduction="none")
    member = F.one_hot(target, len(ORIGINS)).float()
    per_origin = (member * per_jar.unsqueeze(1)).sum(dim=0) / member.sum(dim=0)
    return per_origin.mean()


class Trainer:
    def __init__(self, model, loader, lr):
        self.model = model
        self.loader = loader
        self.optimizer = optim.Adam(model.parameters(), lr=lr)

    def fit(self, epochs):
        for epoch in range(epochs):
            self.model.train()
            losses = []
            for xb, yb in self.loader:
                self.optimizer.zero_grad()
                loss = balanced_ce(self.model(xb), yb)
                loss.backward()
                self.optimizer.step()
                losses.append(loss.item())
            if epoch % 4 == 3:
                print(f"epoch {epoch + 1:>2} | balanced loss {np.mean(losses):.4f}")

    @torch.no_grad()
    def score(self, x, y):
        self.model.eval()
        return balanced_accuracy_score(y, self.model(x).argmax(dim=1))


def main():
    torch.manual_seed(5)
    rng = np.random.default_rng(5)
    values, kind = lab_values(2400, rng)
    x, y = torch.tensor(values, dtype=torch.float32), torch.tensor(kind)
    loader = DataLoader(TensorDataset(x[:1800], y[:1800]), batch_size=64, shuffle=True, drop_last=True)
    model = nn.Sequential(nn.Linear(11, 48), nn.ELU(), nn.Linear(48, 24), nn.ELU(), nn.Linear(24, len(ORIGINS)))
    trainer = Trainer(model, loader, lr=1e-3)
    trainer.fit(epochs=20)
    print(f"balanced accuracy: {trainer.score(x[1800:], y[1800:]):.3f}")


if __name__ == "__main__":
    main()
