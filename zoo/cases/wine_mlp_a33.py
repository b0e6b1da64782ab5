import random

import torch
from sklearn.datasets import load_wine
from torch import nn

random.seed(1)
torch.manual_seed(1)

wine = load_wine()
features = torch.tensor(wine.data, dtype=torch.float32)
features = (features - features.mean(dim=0)) / features.std(dim=0)
labels = torch.tensor(wine.target)
ids = list(range(len(labels)))
random.shuffle(ids)
train_ids, test_ids = ids[:130], ids[130:]

net = nn.Sequential(nn.Linear(13, 50), nn.Tanh(), nn.Linear(50, 50), nn.Tanh(), nn.Linear(50, 3))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(net.parameters(), lr=0.3, momentum=0.9)

for epoch in range(12):
    random.shuffle(train_ids)
    losses = []
    for i in train_ids:  # one sample at a time
        loss = loss_fn(net(features[i:i + 1]), labels[i:i + 1])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    print(f"epoch {epoch + 1:2d} training loss {sum(losses) / len(losses):.4f}")

with torch.no_grad():
    test_loss = loss_fn(net(features[test_ids]), labels[test_ids]).item()
    test_acc = (net(features[test_ids]).argmax(1) == labels[test_ids]).float().mean().item()
print(f"test loss {test_loss:.4f}, test accuracy {test_acc:.3f}")
