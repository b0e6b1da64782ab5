"""Predict the mean radius of a tumour from 29 other measurements: linear regression."""

import torch
from sklearn.datasets import load_breast_cancer

torch.manual_seed(0)

table = torch.tensor(load_breast_cancer().data, dtype=torch.float32)
table = (table - table.mean(0)) / table.std(0)
x, y = table[:, 1:], table[:, :1]

order = torch.randperm(len(x))
train, held = order[:400], order[400:]

model = torch.nn.Linear(29, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.079)

for step in range(300):
    prediction = model(x[train])
    loss = torch.nn.functional.mse_loss(prediction, y[train])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 25 == 24:
        with torch.no_grad():
            held_loss = torch.nn.functional.mse_loss(model(x[held]), y[held])
        print(f"step {step + 1}: loss {loss.item():.5f}, held-out loss {held_loss.item():.5f}")

print(f"held-out loss: {held_loss.item():.5f}")
