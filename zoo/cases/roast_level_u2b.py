# roast level (light / medium / dark / burnt) from ten readings of the roaster
import numpy as np
import torch
import torch.nn.functional as F

np_rng = np.random.default_rng(21)
torch.manual_seed(21)

N = 4000
x = np_rng.normal(size=(N, 10))
heat = x @ np.array([1.0, 0.8, -0.7, 0.6, 0.5, -0.5, 0.4, 0.3, -0.3, 0.2])
heat = heat + 0.5 * x[:, 0] * x[:, 2] + 0.5 * np.sin(2 * x[:, 3]) + 0.4 * x[:, 4] ** 2
level = np.digitize(heat, np.quantile(heat, [0.25, 0.5, 0.75]))
readings = x + 0.02 * np_rng.normal(size=x.shape)

X = torch.from_numpy(readings).float()
Y = torch.from_numpy(level)
Xtr, Ytr, Xte, Yte = X[:3200], Y[:3200], X[3200:], Y[3200:]


class Dense(torch.nn.Module):
    """y = x W + b"""

    def __init__(self, fan_in, fan_out):
        super().__init__()
        self.W = torch.nn.Parameter(torch.empty(fan_in, fan_out))
        self.b = torch.nn.Parameter(torch.empty(fan_out))
        self.reset_parameters()

    def reset_parameters(self):
        torch.nn.init.normal_(self.W, mean=0.0, std=1.0)
        torch.nn.init.zeros_(self.b)

    def forward(self, x):
        return x @ self.W + self.b


class RoastNet(torch.nn.Module):
    def __init__(self, width=48):
        super().__init__()
        self.l1 = Dense(10, width)
        self.l2 = Dense(width, width)
        self.l3 = Dense(width, width)
        self.top = Dense(width, 4)

    def forward(self, x):
        for layer in (self.l1, self.l2, self.l3):
            x = torch.tanh(layer(x))
        return self.top(x)


net = RoastNet()
opt = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9)

for step in range(1, 1501):
    pick = torch.randint(0, len(Xtr), (64,))
    loss = F.cross_entropy(net(Xtr[pick]), Ytr[pick])
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 250 == 0:
        with torch.no_grad():
            tr = (net(Xtr).argmax(1) == Ytr).float().mean()
            te = (net(Xte).argmax(1) == Yte).float().mean()
        print("step", step, "loss", round(loss.item(), 4), "train acc", round(tr.item(), 3), "test acc", round(te.item(), 3))

print("final test accuracy", round(te.item(), 4))
