import numpy as np
import torch as t
import torch.nn.functional as F
from sklearn.datasets import make_circles

t.manual_seed(7)

# same data set as in the course: two noisy rings
X, y = make_circles(n_samples=1000, noise=0.1, factor=0.5, random_state=1)
X = t.from_numpy(X.astype(np.float32))
y = t.from_numpy(y.astype(np.float32)).unsqueeze(1)
x_train, y_train, x_val, y_val = X[:700], y[:700], X[700:], y[700:]


class Net(t.nn.Module):
    def __init__(self, depth=9, width=16):
        super().__init__()
        sizes = [2] + [width] * depth
        self.hidden = t.nn.ModuleList(t.nn.Linear(a, b) for a, b in zip(sizes, sizes[1:]))
        self.out = t.nn.Linear(width, 1)
        for layer in self.hidden:
            t.nn.init.xavier_uniform_(layer.weight)
            t.nn.init.zeros_(layer.bias)

    def forward(self, x):
        for layer in self.hidden:
            x = t.sigmoid(layer(x))
        return self.out(x)


net = Net()
opt = t.optim.Adam(net.parameters(), lr=0.003)

for epoch in range(100):
    perm = t.randperm(len(x_train))
    for i in range(0, len(x_train), 64):
        idx = perm[i:i + 64]
        loss = F.binary_cross_entropy_with_logits(net(x_train[idx]), y_train[idx])
        opt.zero_grad()
        loss.backward()
        opt.step()
    if epoch % 10 == 0:
        with t.no_grad():
            acc = ((net(x_val) > 0) == (y_val > 0.5)).float().mean()
        print("epoch", epoch, "loss", round(loss.item(), 4), "val acc", round(acc.item(), 3))

with t.no_grad():
    acc = ((net(x_val) > 0) == (y_val > 0.5)).float().mean().item()
print("final val acc: %.3f" % acc)
