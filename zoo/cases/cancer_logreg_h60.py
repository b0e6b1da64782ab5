import torch
import torch.nn as nn
from sklearn import datasets
from sklearn.preprocessing import StandardScaler
from sklearn.model_selection import train_test_split
import numpy as np

torch.manual_seed(1)

# 0) prepare data
bc = datasets.load_breast_cancer()
X, y = bc.data, bc.target
n_samples, n_features = X.shape
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=1234)
sc = StandardScaler()
X_train = torch.from_numpy(sc.fit_transform(X_train).astype(np.float32))
X_test = torch.from_numpy(sc.transform(X_test).astype(np.float32))
y_train = torch.from_numpy(y_train.astype(np.float32)).view(-1, 1)
y_test = torch.from_numpy(y_test.astype(np.float32)).view(-1, 1)


# 1) model
class LogisticRegression(nn.Module):
    def __init__(self, n_input_features):
        super().__init__()
        self.linear = nn.Linear(n_input_features, 1)

    def forward(self, x):
        return torch.sigmoid(self.linear(x))


model = LogisticRegression(n_features)

# 2) loss and optimizer
criterion = nn.BCELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

# 3) training loop
for epoch in range(20):
    order = torch.randperm(len(X_train))
    for i in range(0, len(order), 32):
        b = order[i:i + 32]
        loss = criterion(model(X_train[b]), y_train[b])
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    if (epoch + 1) % 5 == 0:
        print(f'epoch: {epoch+1}, loss = {loss.item():.4f}')

with torch.no_grad():
    acc = (model(X_test).round() == y_test).float().mean()
    print(f'test accuracy: {acc.item():.4f}')
