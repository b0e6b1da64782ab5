import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split

torch.manual_seed(64)

wine = load_wine()
X_train, X_test, y_train, y_test = train_test_split(
    wine.data, wine.target, test_size=0.3, random_state=0, stratify=wine.target)
X_train, X_test = torch.FloatTensor(X_train), torch.FloatTensor(X_test)
y_train, y_test = torch.LongTensor(y_train), torch.LongTensor(y_test)


class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.fc1 = nn.Linear(13, 64)
        self.fc2 = nn.Linear(64, 32)
        self.fc3 = nn.Linear(32, 3)

    def forward(self, x):
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.fc3(x)


net = Net()
optimizer = optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
for epoch in range(60):
    net.train()
    total_loss = 0
    for rows in torch.randperm(len(X_train)).split(16):
        optimizer.zero_grad()
        loss = F.cross_entropy(net(X_train[rows]), y_train[rows])
        loss.backward()
        optimizer.step()
        total_loss += loss.item()
    if (epoch + 1) % 10 == 0:
        print(epoch + 1, total_loss / 8)

net.eval()
with torch.no_grad():
    print("test accuracy: %.4f" % (net(X_test).argmax(1) == y_test).float().mean().item())
