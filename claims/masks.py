"""Few handwritten digits with dropout of 0.5: many sampled masks against one scaled network."""

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

torch.manual_seed(0)
images, labels = load_digits(return_X_y=True)
images = torch.tensor(images, dtype=torch.float32) / 16
labels = torch.tensor(labels)
train_x, val_x, train_y, val_y = train_test_split(images, labels, train_size=300, random_state=0)

model = nn.Sequential(
    nn.Linear(64, 128),
    nn.ReLU(),
    nn.Dropout(0.5),
    nn.Linear(128, 128),
    nn.ReLU(),
    nn.Dropout(0.5),
    nn.Linear(128, 10),
)
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)

for epoch in range(40):
    for batch in torch.randperm(len(train_x)).split(50):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(train_x[batch]), train_y[batch])
        loss.backward()
        optimizer.step()


def accuracy(probabilities):
    return (probabilities.argmax(-1) == val_y).float().mean().item()


with torch.no_grad():
    masks = torch.stack([model(val_x).softmax(-1) for _ in range(50)])
    model.eval()
    scaled = model(val_x).softmax(-1)

print(f"one mask: {sum(accuracy(mask) for mask in masks) / len(masks):.4f}")
print(f"mean of 50 masks: {accuracy(masks.mean(0)):.4f}")
print(f"without dropout, in eval mode: {accuracy(scaled):.4f}")
agreement = (masks.mean(0).argmax(-1) == scaled.argmax(-1)).float().mean()
print(f"the last two agree on: {agreement:.4f}")
