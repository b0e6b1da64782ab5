"""Yield of an orchard from weather and soil. Learning rate drops tenfold after epochs 12 and 20."""
import torch
from sklearn.datasets import make_friedman2
from sklearn.model_selection import train_test_split
from torch.optim.lr_scheduler import MultiStepLR
from torch.utils.data import DataLoader, TensorDataset

EPOCHS = 25
MILESTONES = [12, 20]


def make_data():
    X, y = make_friedman2(n_samples=2400, noise=30.0, random_state=6)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    y = (y - y.mean()) / y.std()
    parts = train_test_split(X, y, test_size=400, random_state=6)
    return [torch.tensor(p, dtype=torch.float32) for p in parts]


def run_epoch(model, loader, optimizer, scheduler):
    model.train()
    total = 0.0
    for xb, yb in loader:
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(model(xb).squeeze(-1), yb)
        loss.backward()
        optimizer.step()
        scheduler.step()
        total += loss.item()
    return total / len(loader)


def evaluate(model, X, y):
    model.eval()
    with torch.no_grad():
        return torch.nn.functional.mse_loss(model(X).squeeze(-1), y).item()


def main():
    torch.manual_seed(6)
    X_tr, X_te, y_tr, y_te = make_data()
    loader = DataLoader(TensorDataset(X_tr, y_tr), batch_size=40, shuffle=True)
    model = torch.nn.Sequential(
        torch.nn.Linear(4, 48), torch.nn.ReLU(),
        torch.nn.Linear(48, 48), torch.nn.ReLU(),
        torch.nn.Linear(48, 1),
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    scheduler = MultiStepLR(optimizer, milestones=MILESTONES, gamma=0.1)
    for epoch in range(1, EPOCHS + 1):
        train_mse = run_epoch(model, loader, optimizer, scheduler)
        print(f"epoch {epoch:2d}: train {train_mse:.4f}, test {evaluate(model, X_te, y_te):.4f}")
    print(f"final test mse {evaluate(model, X_te, y_te):.4f}")


if __name__ == "__main__":
    main()
