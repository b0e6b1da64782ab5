import torch as th
import torch.nn as nn
import torch.optim as optim
from sklearn.datasets import make_moons

th.manual_seed(61)

X, y = make_moons(n_samples=1000, noise=0.12, random_state=61)
X = th.tensor(X, dtype=th.float32)
X = (X - X.mean(0)) / X.std(0)
y = th.tensor(y, dtype=th.long)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin1 = nn.Linear(2, 32)
        self.lin2 = nn.Linear(32, 32)
        self.lin3 = nn.Linear(32, 2)

    def forward(self, x):
        x = self.lin1(x).tanh()
        x = self.lin2(x).tanh()
        return self.lin3(x)


net = Net()
opt = optim.SGD(net.parameters(), lr=0.05, momentum=0.9, weight_decay=0.1, nesterov=True)
scheduler = optim.lr_scheduler.StepLR(opt, step_size=20, gamma=0.5)
loss_fn = nn.CrossEntropyLoss()

for epoch in range(50):
    net.train()
    for batch in th.randperm(700).split(50):
        opt.zero_grad()
        loss = loss_fn(net(X[batch]), y[batch])
        loss.backward()
        opt.step()
    scheduler.step()
    net.eval()
    with th.no_grad():
        train_loss = loss_fn(net(X[:700]), y[:700]).item()
        test_loss = loss_fn(net(X[700:]), y[700:]).item()
    print(f"{epoch + 1:3d} train {train_loss:.4f} test {test_loss:.4f}")
print(f"final test loss {test_loss:.4f}")
