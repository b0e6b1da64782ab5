import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.optim.lr_scheduler import ExponentialLR

torch.manual_seed(4)

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, test_size=0.25, random_state=4)
X_train, X_test = torch.tensor(X_train).float(), torch.tensor(X_test).float()
y_train, y_test = torch.tensor(y_train), torch.tensor(y_test)

net = nn.Sequential(nn.Linear(64, 96), nn.ReLU(), nn.Linear(96, 48), nn.ReLU(), nn.Linear(48, 10))
optimizer = optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
scheduler = ExponentialLR(optimizer, gamma=1.2)

for epoch in range(30):
    for b in torch.randperm(len(X_train)).split(32):
        optimizer.zero_grad()
        loss = F.cross_entropy(net(X_train[b]), y_train[b])
        loss.backward()
        optimizer.step()
    scheduler.step()
    with torch.no_grad():
        out = net(X_test)
        print(f"epoch {epoch + 1:2d} val loss {F.cross_entropy(out, y_test):.4f} val acc {(out.argmax(1) == y_test).float().mean():.3f}")
