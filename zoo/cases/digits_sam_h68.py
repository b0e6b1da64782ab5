import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(44)


class SAM:
    """Sharpness-aware minimization: climb to a neighbour, take its gradient, go back, step."""

    def __init__(self, params, base, rho=0.05):
        self.params = list(params)
        self.base = base
        self.rho = rho

    @torch.no_grad()
    def climb(self):
        norm = torch.stack([p.grad.norm() for p in self.params]).norm() + 1e-12
        self.eps = [p.grad * (self.rho / norm) for p in self.params]
        for p, e in zip(self.params, self.eps):
            p.add_(e)
        self.base.zero_grad()

    @torch.no_grad()
    def step(self):
        for p, e in zip(self.params, self.eps):
            p.sub_(e)
        self.base.step()
        self.base.zero_grad()


d = load_digits()
data = TensorDataset(torch.tensor(d.data / 16, dtype=torch.float32), torch.tensor(d.target))
train, test = random_split(data, [1437, 360])
net = nn.Sequential(nn.Linear(64, 96), nn.ReLU(), nn.Linear(96, 48), nn.ReLU(), nn.Linear(48, 10))
base = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
sam = SAM(net.parameters(), base)
loss_fn = nn.CrossEntropyLoss()

for epoch in range(15):
    for x, y in DataLoader(train, batch_size=64, shuffle=True):
        loss = loss_fn(net(x), y)
        loss.backward()
        sam.climb()
        loss_fn(net(x), y).backward()
        sam.step()
    print("epoch", epoch + 1, "loss %.4f" % loss.item())

x, y = next(iter(DataLoader(test, batch_size=360)))
with torch.no_grad():
    print("test accuracy: %.3f" % (net(x).argmax(1) == y).float().mean())
