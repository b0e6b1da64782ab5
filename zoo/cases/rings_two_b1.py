import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import make_gaussian_quantiles

torch.manual_seed(29)

# three nested classes
X, y = make_gaussian_quantiles(n_samples=1200, n_features=2, n_classes=3, random_state=29)
X, y = torch.tensor(X).float(), torch.tensor(y)
X_train, y_train, X_test, y_test = X[:900], y[:900], X[900:], y[900:]

body = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh())
head = nn.Linear(32, 3)
# the head learns faster than the body
opt_body = torch.optim.SGD(body.parameters(), lr=0.1, momentum=0.8)
opt_head = torch.optim.SGD(head.parameters(), lr=0.2, momentum=0.8)

for epoch in range(50):
    total = 0.0
    for rows in torch.randperm(900).split(30):
        opt_head.zero_grad()
        loss = F.cross_entropy(head(body(X_train[rows])), y_train[rows])
        loss.backward()
        opt_body.step()
        opt_head.step()
        total += loss.item()
    if epoch % 5 == 4:
        with torch.no_grad():
            acc = (head(body(X_test)).argmax(1) == y_test).float().mean().item()
        print(f"epoch {epoch + 1}: train loss {total / 30:.4f}, test accuracy: {acc:.4f}")
