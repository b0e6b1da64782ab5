import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

torch.manual_seed(1234)

X, y = load_breast_cancer(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.33, random_state=42)
sc = StandardScaler()
X_train = sc.fit_transform(X_train)
X_test = sc.transform(X_test)
X_train = torch.from_numpy(X_train.astype(np.float32))
X_test = torch.from_numpy(X_test.astype(np.float32))
y_train = torch.from_numpy(y_train.astype(np.float32)).view(-1, 1)
y_test = torch.from_numpy(y_test.astype(np.float32)).view(-1, 1)


class BinaryNet(nn.Module):
    def __init__(self):
        super(BinaryNet, self).__init__()
        self.l1 = nn.Linear(30, 20)
        self.l2 = nn.Linear(20, 1)
        self.sigmoid = nn.Sigmoid()

    def forward(self, x):
        x = torch.relu(self.l1(x))
        x = self.sigmoid(self.l2(x))
        return x


model = BinaryNet()
criterion = nn.BCELoss()
optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
batch_size = 38

for epoch in range(20):
    permutation = torch.randperm(X_train.size()[0])
    for i in range(0, X_train.size()[0], batch_size):
        optimizer.zero_grad()
        indices = permutation[i:i + batch_size]
        outputs = model(X_train[indices])
        loss = criterion(outputs, y_train[indices])
        loss.backward()
        optimizer.step()
    if (epoch + 1) % 4 == 0:
        print(f'epoch: {epoch+1}, loss = {loss.item():.4f}')

with torch.no_grad():
    y_predicted = model(X_test).round()
    acc = y_predicted.eq(y_test).sum() / float(y_test.shape[0])
    print(f'test accuracy: {acc.item():.4f}')
