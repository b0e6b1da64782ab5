import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

torch.manual_seed(1)


class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.fc1 = nn.Linear(64, 80)
        self.fc2 = nn.Linear(80, 10)

    def forward(self, x):
        x = F.relu(self.fc1(x))
        return F.log_softmax(self.fc2(x), dim=1)


def train(model, data, target, optimizer, epoch, batch_size=64, log_interval=10):
    model.train()
    perm = torch.randperm(len(data))
    for batch_idx, idx in enumerate(perm.split(batch_size)):
        optimizer.zero_grad()
        output = model(data[idx])
        loss = F.nll_loss(output, target[idx])
        loss.backward()
        optimizer.step()
        if batch_idx % log_interval == 0:
            print('Train Epoch: {} [{}/{}]\tLoss: {:.6f}'.format(epoch, batch_idx * batch_size, len(data), loss.item()))


def test(model, data, target):
    model.eval()
    with torch.no_grad():
        output = model(data)
        test_loss = F.nll_loss(output, target).item()
        correct = output.argmax(dim=1).eq(target).sum().item()
    print('Test set: Average loss: {:.4f}, Accuracy: {}/{}'.format(test_loss, correct, len(data)))
    return correct / len(data)


digits = load_digits()
data = torch.tensor(digits.data, dtype=torch.float32)
data = (data / 16 - 0.305) / 0.376
target = torch.tensor(digits.target)
perm = torch.randperm(len(data))
tr, te = perm[:1400], perm[1400:]

model = Net()
optimizer = torch.optim.Adadelta(model.parameters(), lr=0.7)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.8)
for epoch in range(1, 13):
    train(model, data[tr], target[tr], optimizer, epoch)
    acc = test(model, data[te], target[te])
    scheduler.step()
print('test accuracy:', acc)
