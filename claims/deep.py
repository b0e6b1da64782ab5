"""Handwritten digits with a deep network.

`deep.py --activation sigmoid --depth 8 --rate 0.1 [--std 0.01]`
"""

import argparse

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("--activation", default="relu", choices=["relu", "sigmoid", "tanh"])
parser.add_argument("--depth", type=int, default=6, help="hidden layers")
parser.add_argument("--rate", type=float, default=0.1)
parser.add_argument("--std", type=float, help="of the initial weights; PyTorch's own if left out")
parser.add_argument("--passes", type=int, default=12)
options = parser.parse_args()

torch.manual_seed(0)
images, labels = load_digits(return_X_y=True)
images = torch.tensor(images, dtype=torch.float32)
images = (images - images.mean()) / images.std()
labels = torch.tensor(labels)
train_x, val_x, train_y, val_y = train_test_split(images, labels, test_size=0.25, random_state=0)

if options.activation == "sigmoid":
    layers = [m for _ in range(options.depth) for m in (nn.Linear(64, 64), nn.Sigmoid())]
elif options.activation == "tanh":
    layers = [m for _ in range(options.depth) for m in (nn.Linear(64, 64), nn.Tanh())]
else:
    layers = [m for _ in range(options.depth) for m in (nn.Linear(64, 64), nn.ReLU())]
model = nn.Sequential(*layers, nn.Linear(64, 10))
if options.std is not None:
    for layer in model:
        if isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, std=options.std)
            nn.init.zeros_(layer.bias)

optimizer = torch.optim.SGD(model.parameters(), lr=options.rate)
criterion = nn.CrossEntropyLoss()

for epoch in range(options.passes):
    model.train()
    for batch in torch.randperm(len(train_x)).split(64):
        if len(batch) < 8:
            continue
        optimizer.zero_grad()
        loss = criterion(model(train_x[batch]), train_y[batch])
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        predicted = model(val_x)
        val_loss = criterion(predicted, val_y)
        accuracy = (predicted.argmax(1) == val_y).float().mean()
    print(f"epoch {epoch + 1}: validation loss {val_loss:.4f}, accuracy {accuracy:.4f}")
