"""Predict the mean radius of a tumour from 29 other measurements: linear regression."""

import torch
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

torch.manual_seed(0)

table = torch.tensor(load_breast_cancer().data, dtype=torch.float32)
table = (table - table.mean(0)) / table.std(0)
x, y = table[:, 1:], table[:, :1]

train, held = train_test_split(range(len(x)), train_size=400, random_state=0)

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
