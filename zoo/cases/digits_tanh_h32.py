import torch
from torch import nn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

torch.manual_seed(64)


class TanhNet(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.layers = nn.ModuleList()
        for n_in, n_out in zip(sizes[:-1], sizes[1:]):
            layer = nn.Linear(n_in, n_out)
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
            self.layers.append(layer)

    def forward(self, x):
        for layer in self.layers[:-1]:
            x = layer(x).tanh()
        return self.layers[-1](x)


x, y = load_digits(return_X_y=True)
x = torch.tensor((x - x.mean()) / x.std(), dtype=torch.float32)
y = torch.tensor(y)
x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.2, random_state=1)

net = TanhNet([64] + [64] * 8 + [10])
optimizer = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9)
lossf = nn.CrossEntropyLoss()
for epoch in range(14):
    tot = 0.0
    for idx in torch.randperm(len(x_train)).split(64):
        optimizer.zero_grad()
        loss = lossf(net(x_train[idx]), y_train[idx])
        loss.backward()
        optimizer.step()
        tot += loss.item() * len(idx)
    if epoch % 2 == 0:
        with torch.no_grad():
            v = lossf(net(x_test), y_test).item()
        print(f"{epoch:3d} train {tot / len(x_train):.4f} test {v:.4f}")

with torch.no_grad():
    print(f"test accuracy: {(net(x_test).argmax(1) == y_test).float().mean().item():.3f}")
