import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim

np.random.seed(42)
torch.manual_seed(42)

# four clouds, opposite corners share a label
N = 1200
corner = np.random.randint(0, 2, size=(N, 2))
points = (2 * corner - 1) + 0.35 * np.random.randn(N, 2)
target = corner[:, 0] ^ corner[:, 1]

x = torch.FloatTensor(points)
t = torch.FloatTensor(target).view(-1, 1)
x_train, t_train = x[:900], t[:900]
x_val, t_val = x[900:], t[900:]


class Net(nn.Module):

    def __init__(self, n_hidden=16):
        super(Net, self).__init__()
        self.fc1 = nn.Linear(2, n_hidden)
        self.fc2 = nn.Linear(n_hidden, n_hidden)
        self.out = nn.Linear(n_hidden, 1)

    def forward(self, x):
        x = self.fc1(x)
        x = self.fc2(x)
        return torch.sigmoid(self.out(x))


net = Net()
criterion = nn.BCELoss()
optimizer = optim.SGD(net.parameters(), lr=0.1, momentum=0.9)

for epoch in range(60):
    order = torch.randperm(900)
    epoch_loss = 0
    for k in range(0, 900, 30):
        sel = order[k:k + 30]
        optimizer.zero_grad()
        loss = criterion(net(x_train[sel]), t_train[sel])
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item() / 30
    if (epoch + 1) % 10 == 0:
        with torch.no_grad():
            val_loss = criterion(net(x_val), t_val)
        print('Epoch: %d  Loss: %.4f  Validation: %.4f' % (epoch + 1, epoch_loss, val_loss))

with torch.no_grad():
    hits = ((net(x_val) > 0.5).float() == t_val).float().mean()
print('Validation accuracy: %.3f' % hits)
