"""Logistic regression on breast cancer cells, by hand and with autograd."""
import torch
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

torch.manual_seed(0)

X, y = load_breast_cancer(return_X_y=True)
X_tr, X_te, y_tr, y_te = train_test_split(X, y, test_size=0.3, random_state=12)
mu, sd = X_tr.mean(axis=0), X_tr.std(axis=0)
X_tr = torch.tensor((X_tr - mu) / sd, dtype=torch.float32)
X_te = torch.tensor((X_te - mu) / sd, dtype=torch.float32)
y_tr, y_te = torch.tensor(y_tr).float(), torch.tensor(y_te).float()

linear = torch.nn.Linear(30, 1)
bce = torch.nn.BCEWithLogitsLoss()
learning_rate = 0.001
opt = torch.optim.SGD(linear.parameters(), lr=learning_rate)

history = []
for epoch in range(60):
    for rows in torch.randperm(len(X_tr)).split(20):
        z = linear(X_tr[rows])[:, 0]
        loss = bce(z, y_tr[rows])
        loss.backward()
        opt.step()
        history.append(loss.item())
    if epoch % 5 == 4:
        print(f"epoch {epoch + 1}: mean loss {sum(history[-20:]) / 20:.4f}")

with torch.no_grad():
    z = linear(X_te)[:, 0]
    print(f"test loss: {bce(z, y_te).item():.4f}")
    print(f"test accuracy: {((z > 0) == (y_te > 0.5)).float().mean().item():.4f}")
