"""Gas sensor array: predict the gas class from 24 channel readings."""
import numpy as np
import torch
from torch import nn
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

torch.manual_seed(3)

DEPTH = 9
WIDTH = 48
EPOCHS = 30
BATCH = 100

readings, gas = make_classification(
    n_samples=2600, n_features=24, n_informative=12, n_redundant=4,
    n_classes=4, n_clusters_per_class=1, class_sep=1.4, random_state=8,
)
a, b, ya, yb = train_test_split(readings, gas, test_size=600, random_state=8, stratify=gas)
scaler = StandardScaler().fit(a)
a = torch.from_numpy(scaler.transform(a).astype(np.float32))
b = torch.from_numpy(scaler.transform(b).astype(np.float32))
ya, yb = torch.from_numpy(ya), torch.from_numpy(yb)


def build(n_in, n_out, activation):
    layers, size = [], n_in
    for _ in range(DEPTH):
        layers += [nn.Linear(size, WIDTH), activation()]
        size = WIDTH
    layers.append(nn.Linear(size, n_out))
    net = nn.Sequential(*layers)
    for m in net:
        if isinstance(m, nn.Linear):
            nn.init.xavier_uniform_(m.weight)
            nn.init.zeros_(m.bias)
    return net


model = build(24, 4, nn.Sigmoid)
opt = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
ce = nn.CrossEntropyLoss()

for epoch in range(EPOCHS):
    order = torch.randperm(len(a))
    running = 0.0
    for chunk in order.split(BATCH):
        opt.zero_grad()
        loss = ce(model(a[chunk]), ya[chunk])
        loss.backward()
        opt.step()
        running += loss.item() * len(chunk)
    if (epoch + 1) % 5 == 0:
        with torch.no_grad():
            out = model(b)
        print("[%d/%d] train %.4f  test %.4f" % (epoch + 1, EPOCHS, running / len(a), ce(out, yb)))

with torch.no_grad():
    acc = (model(b).argmax(1) == yb).float().mean().item()
print("final test accuracy %.4f" % acc)
