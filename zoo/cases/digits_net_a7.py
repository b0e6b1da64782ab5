import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

torch.manual_seed(5)


class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.fc1 = nn.Linear(64, 200)
        self.fc2 = nn.Linear(200, 200)
        self.fc3 = nn.Linear(200, 200)
        self.fc4 = nn.Linear(200, 10)
        self.reset()

    def reset(self):
        for m in self.modules():
            if isinstance(m, nn.Linear):
                m.weight.data.normal_(0, 1)
                m.bias.data.zero_()

    def forward(self, x):
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        x = F.relu(self.fc3(x))
        return self.fc4(x)


X, y = load_digits(return_X_y=True)
X = X / 16
X_train, X_val, y_train, y_val = [torch.as_tensor(a) for a in train_test_split(X, y, test_size=0.2, random_state=3)]
X_train, X_val = X_train.float(), X_val.float()

model = Net()
optimizer = optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
BATCH = 50

for epoch in range(25):
    perm = torch.randperm(X_train.shape[0])
    epoch_loss = 0.
    for i in range(0, X_train.shape[0], BATCH):
        batch = perm[i:i + BATCH]
        optimizer.zero_grad()
        output = model(X_train[batch])
        loss = F.cross_entropy(output, y_train[batch])
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item() * len(batch)
    with torch.no_grad():
        out = model(X_val)
        val_loss = F.cross_entropy(out, y_val).item()
        val_acc = (out.argmax(1) == y_val).float().mean().item()
    print('epoch %d train loss %.4g val loss %.4g val acc %.3f' % (epoch, epoch_loss / len(X_train), val_loss, val_acc))
