import torch
from torch.nn import *
from torch.nn import init
from torch.utils.data import DataLoader, TensorDataset
from sklearn.datasets import load_digits

torch.manual_seed(17)

data = load_digits()
images = torch.tensor(data.images, dtype=torch.float32)[:, None] / 16
labels = torch.tensor(data.target)
perm = torch.randperm(len(labels))
train_idx, test_idx = perm[:1400], perm[1400:]

cnn = Sequential(
    Conv2d(1, 16, 3, padding=1), ReLU(), MaxPool2d(2),
    Conv2d(16, 32, 3, padding=1), ReLU(), MaxPool2d(2),
    Flatten(),
    Linear(128, 64), ReLU(),
    Linear(64, 10),
)
for m in cnn:
    if isinstance(m, (Conv2d, Linear)):
        init.constant_(m.weight, 0.02)
        init.constant_(m.bias, 0.0)

loss_function = CrossEntropyLoss()
optimizer = torch.optim.Adam(cnn.parameters(), lr=0.002)
loader = DataLoader(TensorDataset(images[train_idx], labels[train_idx]), batch_size=50, shuffle=True)

for epoch in range(12):
    cnn.train()
    for x, y in loader:
        optimizer.zero_grad()
        loss = loss_function(cnn(x), y)
        loss.backward()
        optimizer.step()
    cnn.eval()
    with torch.no_grad():
        prediction = cnn(images[test_idx]).argmax(dim=1)
        accuracy = (prediction == labels[test_idx]).float().mean().item()
    print(f"epoch {epoch}: training loss {loss.item():.4f}, test accuracy {accuracy:.3f}")
