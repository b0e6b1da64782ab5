import torch
import torch.nn.functional as F
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from torch import nn


class Dense(nn.Module):
    def __init__(self, in_features, out_features):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(in_features, out_features))
        self.bias = nn.Parameter(torch.zeros(out_features))

    def forward(self, x):
        return x @ self.weight + self.bias


class WineNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = Dense(13, 24)
        self.second = Dense(24, 24)
        self.last = Dense(24, 3)

    def forward(self, x):
        x = torch.tanh(self.first(x))
        x = torch.tanh(self.second(x))
        return self.last(x)


torch.manual_seed(3)
X, y = load_wine(return_X_y=True)
X = (X - X.mean(axis=0)) / X.std(axis=0)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=7, stratify=y)
X_train, X_test = torch.tensor(X_train).float(), torch.tensor(X_test).float()
y_train, y_test = torch.tensor(y_train), torch.tensor(y_test)

net = WineNet()
optimizer = torch.optim.Adam(net.parameters(), lr=0.005)

for epoch in range(1, 81):
    for batch in torch.randperm(len(X_train)).split(20):
        loss = F.cross_entropy(net(X_train[batch]), y_train[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if epoch % 10 == 0:
        with torch.no_grad():
            print(f"epoch {epoch:3d}  loss {F.cross_entropy(net(X_train), y_train):.4f}")

with torch.no_grad():
    print("test accuracy: %.3f" % (net(X_test).argmax(1) == y_test).float().mean())
