"""Classify handwritten digits with a deep network."""

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

torch.manual_seed(0)

images, labels = load_digits(return_X_y=True)
images = torch.tensor(images, dtype=torch.float32) / 16
labels = torch.tensor(labels)
train_x, test_x, train_y, test_y = train_test_split(images, labels, test_size=0.25, random_state=0)

layers = []
width = 64
for _ in range(6):
    layers += [nn.Linear(width, 64), nn.Sigmoid()]
    width = 64
model = nn.Sequential(*layers, nn.Linear(width, 10))

optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
criterion = nn.CrossEntropyLoss()

for epoch in range(25):
    order = torch.randperm(len(train_x))
    for batch in order.split(64):
        optimizer.zero_grad()
        loss = criterion(model(train_x[batch]), train_y[batch])
        loss.backward()
        optimizer.step()

    with torch.no_grad():
        outputs = model(test_x)
        test_loss = criterion(outputs, test_y)
        accuracy = (outputs.argmax(1) == test_y).float().mean()
    if (epoch + 1) % 5 == 0:
        print(f"epoch {epoch + 1}: loss {loss:.3f}, test loss {test_loss:.3f}")

print(f"test accuracy: {accuracy:.3f}")
