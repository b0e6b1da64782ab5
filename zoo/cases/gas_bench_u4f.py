"""Electronic nose: which of six gases is in the chamber?

The bench was run gas after gas (one cylinder is connected, then the next), with
sixteen metal-oxide sensors; each row is the steady-state answer to one puff.
"""
import numpy as np
import torch
import torch.nn as nn
from sklearn.metrics import confusion_matrix
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(60)
rng = np.random.default_rng(60)

GASES = ("ammonia", "acetone", "ethylene", "ethanol", "toluene", "methane")
N_SENSORS = 16


class BenchRun(Dataset):
    def __init__(self, puffs, response, exponent):
        rows, names = [], []
        for g in range(len(GASES)):
            ppm = np.exp(rng.uniform(np.log(10), np.log(300), size=(puffs, 1)))
            answer = response[g] * (ppm / 50) ** exponent[g]
            rows.append(np.log1p(answer) + 0.12 * rng.normal(size=(puffs, N_SENSORS)))
            names.append(np.full(puffs, g))
        self.x = np.concatenate(rows).astype(np.float32)
        self.y = np.concatenate(names)

    def standardise(self, mean, std):
        self.x = (self.x - mean) / std

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


response = rng.lognormal(0.0, 0.2, size=(len(GASES), N_SENSORS))
exponent = rng.uniform(0.3, 0.6, size=(len(GASES), N_SENSORS))
train = BenchRun(300, response, exponent)
test = BenchRun(80, response, exponent)
mean, std = train.x.mean(0), train.x.std(0)
train.standardise(mean, std)
test.standardise(mean, std)

train_loader = DataLoader(train, batch_size=15)
test_loader = DataLoader(test, batch_size=120)

nose = nn.Sequential(
    nn.Linear(N_SENSORS, 32), nn.LeakyReLU(0.1),
    nn.Linear(32, 32), nn.LeakyReLU(0.1),
    nn.Linear(32, len(GASES)),
)
sgd = torch.optim.SGD(nose.parameters(), lr=0.02, momentum=0.9)
loss_fn = nn.CrossEntropyLoss()


def one_epoch():
    nose.train()
    total = 0.0
    for x, y in train_loader:
        loss = loss_fn(nose(x), y)
        sgd.zero_grad()
        loss.backward()
        sgd.step()
        total += loss.item()
    return total / len(train_loader)


def predict():
    nose.eval()
    with torch.no_grad():
        return np.concatenate([nose(x).argmax(1).numpy() for x, _ in test_loader])


for epoch in range(1, 13):
    mean_loss = one_epoch()
    if epoch % 3 == 0:
        print(f"epoch {epoch}  loss {mean_loss:.4f}  test acc {(predict() == test.y).mean():.3f}")

print(confusion_matrix(test.y, predict()))
print(f"gases identified: {(predict() == test.y).mean():.3f}")
