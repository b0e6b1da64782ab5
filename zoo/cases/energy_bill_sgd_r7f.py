import numpy as np
import torch
import torch.nn as nn

torch.manual_seed(21)
rng = np.random.default_rng(21)

# yearly consumption of a household in kWh
n = 1600
area = rng.uniform(40, 220, n)
people = rng.integers(1, 6, n)
age = rng.uniform(0, 80, n)
heat_pump = rng.integers(0, 2, n)
temp = rng.normal(10, 3, n)
kwh = 900 + 18 * area + 650 * people + 0.11 * area * age * (1 - 0.5 * heat_pump) - 95 * (temp - 10) + rng.normal(0, 200, n)

features = np.column_stack([area, people, age, heat_pump, temp])
features = (features - features.mean(axis=0)) / features.std(axis=0)

X = torch.tensor(features, dtype=torch.float32)
y = torch.tensor(kwh, dtype=torch.float32).view(-1, 1)
X_train, X_test = X[:1200], X[1200:]
y_train, y_test = y[:1200], y[1200:]

model = nn.Sequential(
    nn.Linear(5, 40),
    nn.ReLU(),
    nn.Linear(40, 20),
    nn.ReLU(),
    nn.Linear(20, 1),
)
criterion = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.001, momentum=0.9)
batch_size = 40

for epoch in range(40):
    permutation = torch.randperm(X_train.size(0))
    epoch_loss = 0
    for k in range(0, X_train.size(0), batch_size):
        indices = permutation[k:k + batch_size]
        optimizer.zero_grad()
        outputs = model(X_train[indices])
        loss = criterion(outputs, y_train[indices])
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item()
    if (epoch + 1) % 5 == 0:
        print('Epoch [{}/40], Loss: {:.4f}'.format(epoch + 1, epoch_loss / (1200 / batch_size)))

with torch.no_grad():
    predicted = model(X_test)
    ss_res = ((y_test - predicted) ** 2).sum()
    ss_tot = ((y_test - y_test.mean()) ** 2).sum()
    print('Test R^2: {:.4f}'.format((1 - ss_res / ss_tot).item()))
