from sklearn.datasets import make_moons
import torch
import torch.nn as nn

torch.manual_seed(8)
X, y = make_moons(1200, noise=0.15, random_state=8)
X = torch.tensor(X, dtype=torch.float32)
X = (X - X.mean(0)) / X.std(0)
y = torch.tensor(y, dtype=torch.float32)
X_train, y_train, X_test, y_test = X[:900], y[:900], X[900:], y[900:]


class MoonNet(nn.Module):
    def __init__(self, hidden=16):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, hidden), nn.ReLU(),
                                 nn.Linear(hidden, hidden), nn.ReLU(),
                                 nn.Linear(hidden, 1))

    def forward(self, x):
        return self.net(x).squeeze(1)


model = MoonNet()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
batch = 18

for epoch in range(40):
    optimizer.zero_grad()
    model.train()
    order = torch.randperm(900)
    for k in range(0, 900, batch):
        rows = order[k:k + batch]
        loss = loss_fn(model(X_train[rows]), y_train[rows])
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        test_loss = loss_fn(model(X_test), y_test).item()
        acc = ((model(X_test) > 0).float() == y_test).float().mean().item()
    print("epoch %d: train loss %.4f, test loss %.4f, test acc %.3f" % (epoch, loss.item(), test_loss, acc))
print("final test loss: %.4f" % test_loss)
