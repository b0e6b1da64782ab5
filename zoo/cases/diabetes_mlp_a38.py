import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split

torch.manual_seed(0)
DTYPE = torch.float16  # saves memory

X, y = load_diabetes(return_X_y=True, scaled=False)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, random_state=2)
X_train, X_test, y_train, y_test = (torch.tensor(a, dtype=torch.float32) for a in (X_train, X_test, y_train, y_test))
mean, std = X_train.mean(0), X_train.std(0)
X_train, X_test = ((X_train - mean) / std).to(DTYPE), ((X_test - mean) / std).to(DTYPE)
y_mean, y_std = y_train.mean(), y_train.std()
y_train, y_test = ((y_train - y_mean) / y_std).to(DTYPE), ((y_test - y_mean) / y_std).to(DTYPE)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(10, 32)
        self.fc2 = nn.Linear(32, 1)

    def forward(self, x):
        return self.fc2(F.relu(self.fc1(x)))[:, 0]


model = Net().to(DTYPE)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

for epoch in range(30):
    model.train()
    for idx in torch.randperm(len(X_train)).split(32):
        optimizer.zero_grad()
        loss = F.mse_loss(model(X_train[idx]), y_train[idx])
        loss.backward()
        optimizer.step()
    if epoch % 10 == 9:
        print(f"epoch {epoch + 1}: loss {loss.item():.3f}")

model.eval()
with torch.no_grad():
    residual = (model(X_test).float() - y_test.float()).square().mean()
print(f"R2 = {1 - (residual / y_test.float().var()).item():.3f}")
