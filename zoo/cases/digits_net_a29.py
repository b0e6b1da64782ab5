import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(77)

bunch = load_digits()
full = TensorDataset(torch.tensor(bunch.data, dtype=torch.float32) / 16, torch.tensor(bunch.target))
train_set, test_set = random_split(full, [1500, 297])

train_loader = DataLoader(train_set, batch_size=len(train_set), shuffle=True)
test_loader = DataLoader(test_set, batch_size=len(test_set))

net = nn.Sequential(nn.Linear(64, 100), nn.ReLU(), nn.Dropout(0.1), nn.Linear(100, 50), nn.ReLU(), nn.Linear(50, 10))
optimizer = torch.optim.Adam(net.parameters(), lr=5e-4)
loss_fn = nn.CrossEntropyLoss()

for epoch in range(60):
    net.train()
    for inputs, targets in train_loader:
        optimizer.zero_grad()
        loss = loss_fn(net(inputs), targets)
        loss.backward()
        optimizer.step()
    if epoch % 5 == 4:
        net.eval()
        with torch.no_grad():
            for inputs, targets in test_loader:
                out = net(inputs)
        print(f"epoch {epoch + 1}: train loss {loss.item():.4f}, test loss {loss_fn(out, targets).item():.4f}, "
              f"test accuracy {(out.argmax(1) == targets).float().mean().item():.3f}")
