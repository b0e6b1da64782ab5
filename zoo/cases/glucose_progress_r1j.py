"""Disease progression after one year, from ten baseline measurements."""
import copy

import numpy as np
import torch
from sklearn.datasets import load_diabetes
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split
from torch import nn

torch.manual_seed(100)

X, y = load_diabetes(return_X_y=True, scaled=False)
X_rest, X_test, y_rest, y_test = train_test_split(X, y, test_size=90, random_state=5)
X_train, X_val, y_train, y_val = train_test_split(X_rest, y_rest, test_size=80, random_state=4)


def standardise(values, reference):
    return (values - reference.mean(axis=0)) / reference.std(axis=0)


def pair(features, target):
    return (torch.tensor(standardise(features, X_train), dtype=torch.float32),
            torch.tensor(standardise(target, y_train), dtype=torch.float32).unsqueeze(1))


train, val, test = pair(X_train, y_train), pair(X_val, y_val), pair(X_test, y_test)


class EarlyStopping:
    def __init__(self, patience):
        self.patience = patience
        self.best = np.inf
        self.left = patience
        self.weights = None

    def update(self, value, model):
        if value < self.best - 1e-4:
            self.best, self.left = value, self.patience
            self.weights = copy.deepcopy(model.state_dict())
        else:
            self.left -= 1
        return self.left == 0


model = nn.Sequential(nn.Linear(10, 12), nn.Tanh(), nn.Linear(12, 1))
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.05)
loss_fn = nn.MSELoss()
stopper = EarlyStopping(patience=20)

for epoch in range(1, 201):
    model.train()
    losses = []
    for rows in torch.randperm(len(train[0])).split(16):
        optimizer.zero_grad()
        loss = loss_fn(model(train[0][rows]), train[1][rows])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    with torch.no_grad():
        val_loss = loss_fn(model(val[0]), val[1]).item()
    if epoch % 5 == 0:
        print(f"epoch {epoch}: train {np.mean(losses):.3f}, val {val_loss:.3f}")
    if stopper.update(val_loss, model):
        print(f"stopped after epoch {epoch}, best val {stopper.best:.3f}")
        break

model.load_state_dict(stopper.weights)
with torch.no_grad():
    print(f"train r2 {r2_score(train[1], model(train[0])):.3f}")
    print(f"test r2: {r2_score(test[1], model(test[0])):.3f}")
