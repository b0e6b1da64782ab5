import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

torch.manual_seed(100)

X, y = load_digits(return_X_y=True)
X = X.reshape(-1, 1, 8, 8).astype("float32")
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, random_state=9)
mu, sigma = X_train.mean(), X_train.std()
X_train = torch.from_numpy((X_train - mu) / sigma)
X_test = torch.from_numpy((X_test - mu) / sigma)
y_train, y_test = torch.from_numpy(y_train), torch.from_numpy(y_test)

cfg = [16, 16, 'M', 32, 32, 'M', 32, 32]


class VGG(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        layers, c = [], 1
        for v in cfg:
            if v == 'M':
                layers.append(nn.MaxPool2d(2))
            else:
                layers += [nn.Conv2d(c, v, 3, padding=1), nn.ReLU(inplace=True)]
                c = v
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Linear(c * 4, 64), nn.ReLU(inplace=True), nn.Linear(64, 10))
        self._initialize_weights()

    def _initialize_weights(self):
        for m in self.modules():
            if isinstance(m, (nn.Conv2d, nn.Linear)):
                nn.init.normal_(m.weight, 0, 0.01)
                nn.init.constant_(m.bias, 0)

    def forward(self, x):
        x = self.features(x)
        return self.classifier(torch.flatten(x, 1))


def accuracy(net, x, y):
    net.eval()
    with torch.no_grad():
        return (net(x).argmax(1) == y).float().mean().item()


net = VGG(cfg)
optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
for epoch in range(10):
    net.train()
    perm = torch.randperm(len(X_train))
    for k in range(0, len(perm), 32):
        b = perm[k:k + 32]
        optimizer.zero_grad()
        loss = F.cross_entropy(net(X_train[b]), y_train[b])
        loss.backward()
        optimizer.step()
    print('epoch', epoch, 'loss', round(loss.item(), 4), 'test acc', round(accuracy(net, X_test, y_test), 4))
