import torch as t
import torch.nn as nn
import torch.nn.functional as F
from sklearn import datasets
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

t.manual_seed(5)

iris = datasets.load_iris()
x = StandardScaler().fit_transform(iris.data)
x_train, x_test, y_train, y_test = train_test_split(x, iris.target, test_size=50, random_state=3, stratify=iris.target)
x_train, x_test = t.tensor(x_train).float(), t.tensor(x_test).float()
y_train, y_test = t.tensor(y_train), t.tensor(y_test)


class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.hidden = nn.Linear(4, 16)
        self.output = nn.Linear(16, 3)

    def forward(self, x):
        x = t.relu(self.hidden(x))
        return t.sigmoid(self.output(x))   # one score per species


net = Net()
optimizer = t.optim.Adam(net.parameters(), lr=0.01)

for epoch in range(101):
    net.train()
    for rows in t.randperm(len(x_train)).split(10):
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x_train[rows]), y_train[rows])
        loss.backward()
        optimizer.step()
    net.eval()
    with t.no_grad():
        test_loss = F.cross_entropy(net(x_test), y_test)
        test_acc = (net(x_test).argmax(dim=1) == y_test).float().mean()
    if epoch % 10 == 0:
        print(f"{epoch:4d} loss {loss.item():.4f} | test loss {test_loss.item():.4f} | test acc {test_acc.item():.3f}")
print(f"test loss at the end: {test_loss.item():.4f}")
