import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

torch.manual_seed(8)

images, labels = load_digits(return_X_y=True)
images = torch.tensor(images / 16.0, dtype=torch.float32).reshape(-1, 1, 8, 8)
labels = torch.tensor(labels, dtype=torch.long)
idx_train, idx_test = train_test_split(range(len(labels)), test_size=0.3, stratify=labels, random_state=8)
x_train, y_train = images[idx_train], labels[idx_train]
x_test, y_test = images[idx_test], labels[idx_test]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.dropout = nn.Dropout(0.25)
        self.fc = nn.Linear(32 * 2 * 2, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = self.dropout(torch.flatten(x, 1))
        return F.log_softmax(self.fc(x), dim=1)


def test(model):
    model.eval()
    with torch.no_grad():
        output = model(x_test)
        loss = criterion(output, y_test).item()
        correct = output.argmax(dim=1).eq(y_test).sum().item()
    print("Test set: Average loss: {:.4f}, Accuracy: {}/{} ({:.2f}%)".format(loss, correct, len(y_test), 100.0 * correct / len(y_test)))


model = Net()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.002)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=25)

for epoch in range(1, 26):
    model.train()
    total = 0.0
    for batch in torch.randperm(len(y_train)).split(32):
        optimizer.zero_grad()
        loss = criterion(model(x_train[batch]), y_train[batch])
        loss.backward()
        optimizer.step()
        total += loss.item() * len(batch)
    scheduler.step()
    if epoch % 5 == 0:
        print("Train Epoch: {}\tLoss: {:.6f}".format(epoch, total / len(y_train)))
        test(model)
