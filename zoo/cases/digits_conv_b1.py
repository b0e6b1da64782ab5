import torch
import torch.nn as nn
import torch.optim as optim
from sklearn.datasets import load_digits

torch.manual_seed(11)
X, y = load_digits(return_X_y=True)
X = torch.tensor(X, dtype=torch.float32).view(-1, 1, 8, 8) / 16
X = (X - X.mean()) / X.std()
y = torch.tensor(y)
perm = torch.randperm(len(X), generator=torch.Generator().manual_seed(0))
train_idx, test_idx = perm[:1400], perm[1400:]


class ConvNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        )
        self.classifier = nn.Linear(16 * 2 * 2, 10)
        self.out = nn.Softmax(dim=1)

    def forward(self, x):
        x = self.features(x)
        x = torch.flatten(x, 1)
        return self.out(self.classifier(x))


net = ConvNet()
criterion = nn.NLLLoss()
optimizer = optim.SGD(net.parameters(), lr=0.02, momentum=0.9)

for epoch in range(12):
    net.train()
    idx = train_idx[torch.randperm(len(train_idx))]
    running_loss = 0.0
    for batch in idx.split(40):
        optimizer.zero_grad()
        outputs = net(X[batch])
        loss = criterion(outputs, y[batch])
        loss.backward()
        optimizer.step()
        running_loss += loss.item()
    print('[%d] loss: %.3f' % (epoch + 1, running_loss / 35))

net.eval()
with torch.no_grad():
    correct = (net(X[test_idx]).argmax(1) == y[test_idx]).sum().item()
print('test accuracy: %.4f' % (correct / len(test_idx)))
