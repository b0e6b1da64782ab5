# conv net with batch norm on the 8x8 digits; layer settings carried over from our Keras model
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(19)


def conv_block(c_in, c_out):
    return nn.Sequential(
        nn.Conv2d(c_in, c_out, 3, padding=1, bias=False),
        nn.BatchNorm2d(c_out, eps=1e-3, momentum=0.99),
        nn.ReLU(),
    )


class DigitNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.block1 = conv_block(1, 8)
        self.block2 = conv_block(8, 16)
        self.fc = nn.Linear(16 * 4, 32)
        self.norm = nn.BatchNorm1d(32, eps=1e-3, momentum=0.99)
        self.out = nn.Linear(32, 10)

    def forward(self, x):
        x = F.max_pool2d(self.block1(x), 2)
        x = F.max_pool2d(self.block2(x), 2)
        x = F.relu(self.norm(self.fc(x.flatten(1))))
        return self.out(x)


digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
labels = torch.tensor(digits.target)
order = torch.randperm(len(images), generator=torch.Generator().manual_seed(1))
train, test = order[:1202], order[1202:]
loader = DataLoader(TensorDataset(images[train], labels[train]), batch_size=8, shuffle=True)

net = DigitNet()
optimizer = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9)
for epoch in range(6):
    net.train()
    train_loss = 0.0
    for x, t in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), t)
        loss.backward()
        optimizer.step()
        train_loss += loss.item() * len(t) / len(train)
    net.eval()
    with torch.no_grad():
        out = net(images[test])
        test_loss = F.cross_entropy(out, labels[test]).item()
        acc = (out.argmax(1) == labels[test]).float().mean().item()
    print(f"epoch {epoch + 1}: train loss {train_loss:.4f}  test loss {test_loss:.4f}  test acc {acc:.3f}")
print(f"final test loss {test_loss:.4f}")
