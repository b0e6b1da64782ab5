import torch
import torch.nn as nn
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler

torch.manual_seed(4)


def fit(model, X, y, epochs=40, batch_size=12, validation_split=0.3):
    """Keras-like fit: the last part of the data is for validation"""
    n_val = int(len(X) * validation_split)
    X_train, y_train = X[:-n_val], y[:-n_val]
    X_val, y_val = X[-n_val:], y[-n_val:]
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
    for epoch in range(epochs):
        model.train()
        losses, hits = [], 0
        for rows in torch.randperm(len(X_train)).split(batch_size):
            logits = model(X_train[rows])
            loss = criterion(logits, y_train[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            hits += (logits.argmax(1) == y_train[rows]).sum().item()
        model.eval()
        with torch.no_grad():
            logits = model(X_val)
            val_loss = criterion(logits, y_val).item()
            val_acc = (logits.argmax(1) == y_val).float().mean().item()
        print(f"Epoch {epoch + 1}/{epochs} - loss: {sum(losses) / len(losses):.4f} - acc: {hits / len(X_train):.4f}"
              f" - val_loss: {val_loss:.4f} - val_acc: {val_acc:.4f}")


X, y = load_wine(return_X_y=True)
X = torch.tensor(StandardScaler().fit_transform(X), dtype=torch.float32)
y = torch.tensor(y)
model = nn.Sequential(nn.Linear(13, 20), nn.ReLU(), nn.Linear(20, 3))
fit(model, X, y)
