from sklearn.datasets import load_iris
from sklearn.model_selection import train_test_split
import torch
import torch.nn as nn
import torch.nn.functional as F


class Model(nn.Module):
    def __init__(self, in_features=4, h1=8, h2=9, out_features=3):
        super().__init__()
        self.fc1 = nn.Linear(in_features, h1)
        self.fc2 = nn.Linear(h1, h2)
        self.out = nn.Linear(h2, out_features)

    def forward(self, x):
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.out(x)


torch.manual_seed(41)
model = Model()

X, y = load_iris(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=0)
mean, std = X_train.mean(0), X_train.std(0)
X_train = torch.FloatTensor((X_train - mean) / std)
X_test = torch.FloatTensor((X_test - mean) / std)
y_train = torch.LongTensor(y_train)
y_test = torch.LongTensor(y_test)

criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)

epochs = 90
losses = []
for i in range(epochs):
    y_pred = model(X_train)
    loss = criterion(y_pred, y_train)
    losses.append(loss.item())
    if i % 10 == 0:
        print(f'Epoch: {i} and loss: {loss.item()}')
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

with torch.no_grad():
    y_eval = model(X_test)
    print('test loss', criterion(y_eval, y_test).item())
    print('test accuracy:', (y_eval.argmax(1) == y_test).float().mean().item())
