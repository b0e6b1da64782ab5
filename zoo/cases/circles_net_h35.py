import torch
import torch.nn as nn
from sklearn.datasets import make_circles

torch.manual_seed(3)
X, y = make_circles(n_samples=1200, noise=0.08, factor=0.5, random_state=1)
X = torch.tensor(X, dtype=torch.float32)
y = torch.tensor(y, dtype=torch.float32).reshape(-1, 1)
X_train, y_train, X_test, y_test = X[:900], y[:900], X[900:], y[900:]

net = nn.Sequential(
    nn.Linear(2, 32), nn.LeakyReLU(0.1),
    nn.Linear(32, 32), nn.LeakyReLU(0.1),
    nn.Linear(32, 1),
)
optimizer = torch.optim.NAdam(net.parameters(), lr=2e-3)
criterion = nn.BCEWithLogitsLoss()
for epoch in range(25):
    perm = torch.randperm(900)
    for i in range(0, 900, 30):
        ind = perm[i:i + 30]
        optimizer.zero_grad()
        loss = criterion(net(X_train[ind]), y_train[ind])
        loss.backward()
        optimizer.step()
    train_acc = ((net(X_train) > 0) == (y_train > 0.5)).float().mean().item()
    if epoch % 5 == 4:
        print(f"epoch {epoch + 1}: accuracy {train_acc:.3f}")
test_acc = ((net(X_test) > 0) == (y_test > 0.5)).float().mean().item()
print(f"test accuracy: {test_acc:.3f}")
