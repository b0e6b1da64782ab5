import numpy as np
import torch
from sklearn.metrics import balanced_accuracy_score
from torch.nn import CrossEntropyLoss, Linear, ReLU, Sequential
from torch.optim import Adam

r = np.random.default_rng(31)
torch.manual_seed(31)

# one row per lake: area [m2], altitude [m], max depth [m], conductivity [uS/cm], total P [mg/l], Secchi depth [m]
n = 1800
area = r.uniform(1e4, 5e6, n)
altitude = r.uniform(0, 1800, n)
depth = r.uniform(1, 60, n)
conductivity = r.uniform(40, 700, n)
phosphorus = r.uniform(0.005, 0.12, n)
secchi = r.uniform(0.3, 9, n)
lakes = np.stack([area, altitude, depth, conductivity, phosphorus, secchi], axis=1)

index = (35 * phosphorus - 0.45 * secchi - 0.03 * depth + 0.003 * conductivity
         - 0.0008 * altitude - 2e-7 * area + r.normal(0, 0.15, n))
status = np.digitize(index, np.quantile(index, [1 / 3, 2 / 3]))  # oligo-, meso-, eutrophic

train_x = torch.tensor(lakes[:1400], dtype=torch.float32)
test_x = torch.tensor(lakes[1400:], dtype=torch.float32)
train_t = torch.tensor(status[:1400])

model = Sequential(Linear(6, 32), ReLU(), Linear(32, 32), ReLU(), Linear(32, 3))
criterion = CrossEntropyLoss()
optimizer = Adam(model.parameters(), lr=3e-3)


def one_pass():
    total = 0
    for rows in torch.randperm(1400).chunk(40):
        loss = criterion(model(train_x[rows]), train_t[rows])
        model.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / 40


for e in range(1, 31):
    train_loss = one_pass()
    if e % 5 == 0:
        print("pass", e, "mean loss", round(train_loss, 4))

with torch.no_grad():
    guess = model(test_x).argmax(dim=1).numpy()
print("balanced accuracy: %.3f" % balanced_accuracy_score(status[1400:], guess))
