from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
import torch
import torch.nn as nn

torch.manual_seed(1)
DEPTH = 16

data = load_wine()
X_tr, X_te, y_tr, y_te = train_test_split(data.data, data.target, test_size=0.3, random_state=1, stratify=data.target)
sc = StandardScaler().fit(X_tr)
X_tr, X_te = torch.tensor(sc.transform(X_tr)).float(), torch.tensor(sc.transform(X_te)).float()
y_tr, y_te = torch.tensor(y_tr), torch.tensor(y_te)

blocks = []
n_in = 13
for i in range(DEPTH):
    blocks += [nn.Linear(n_in, 32), nn.Tanh()]
    n_in = 32
blocks.append(nn.Linear(n_in, 3))
net = nn.Sequential(*blocks)

def init_weights(m):
    if isinstance(m, nn.Linear):
        nn.init.uniform_(m.weight, -0.08, 0.08)
        nn.init.zeros_(m.bias)

net.apply(init_weights)

criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9)

for epoch in range(100):
    order = torch.randperm(len(X_tr))
    for b in order.split(16):
        optimizer.zero_grad()
        loss = criterion(net(X_tr[b]), y_tr[b])
        loss.backward()
        optimizer.step()
    if (epoch + 1) % 20 == 0:
        print(f"[{epoch + 1:3d}] train loss: {criterion(net(X_tr), y_tr).item():.4f}")

print(f"accuracy on held-out wines: {(net(X_te).argmax(1) == y_te).float().mean().item():.3f}")
