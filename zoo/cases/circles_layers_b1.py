import torch
import torch.nn as nn
from sklearn.datasets import make_circles
from sklearn.model_selection import train_test_split

torch.manual_seed(33)


class CircleNet(nn.Module):
    def __init__(self, n_hidden=3, width=12):
        super().__init__()
        self.first = nn.Linear(2, 4)
        self.hidden = []
        size = 4
        for i in range(n_hidden):
            self.hidden.append(nn.Linear(size, width))
            size = width
        self.last = nn.Linear(size, 1)

    def forward(self, x):
        x = torch.tanh(self.first(x))
        for layer in self.hidden:
            x = torch.tanh(layer(x))
        return self.last(x)


X, y = make_circles(1000, noise=0.08, factor=0.6, random_state=0)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=0)
X_train, X_test = torch.tensor(X_train).float(), torch.tensor(X_test).float()
y_train, y_test = torch.tensor(y_train).float()[:, None], torch.tensor(y_test).float()[:, None]

model = CircleNet()
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)

for epoch in range(60):
    for rows in torch.randperm(len(X_train)).split(50):
        optimizer.zero_grad()
        loss = criterion(model(X_train[rows]), y_train[rows])
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        test_out = model(X_test)
        test_loss = criterion(test_out, y_test).item()
        test_acc = ((test_out > 0) == (y_test > 0)).float().mean().item()
    if (epoch + 1) % 5 == 0:
        print(f"epoch {epoch + 1:3d}  train {loss.item():.4f}  test {test_loss:.4f}  acc {test_acc:.3f}")
print(f"final test loss {test_loss:.4f}")
