import torch
import torch.nn as nn
import torch.optim as optim
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

torch.manual_seed(16)

config = dict(lr=0.003, epochs=60, batch=20, hidden=[64, 32], weight_decay=0.5)

X, y = load_wine(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=9, stratify=y)
sc = StandardScaler()
X_train = torch.tensor(sc.fit_transform(X_train), dtype=torch.float32)
X_test = torch.tensor(sc.transform(X_test), dtype=torch.float32)
y_train, y_test = torch.tensor(y_train), torch.tensor(y_test)

sizes = [13] + config["hidden"]
model = nn.Sequential()
for i, (a, b) in enumerate(zip(sizes, sizes[1:])):
    model.add_module(f"fc{i}", nn.Linear(a, b))
    model.add_module(f"act{i}", nn.ReLU())
model.add_module("out", nn.Linear(sizes[-1], 3))

criterion = nn.CrossEntropyLoss()
optimizer = optim.Adam(model.parameters(), lr=config["lr"], weight_decay=config["weight_decay"])

for epoch in range(config["epochs"]):
    model.train()
    epoch_loss = 0.0
    for rows in torch.randperm(len(X_train)).split(config["batch"]):
        optimizer.zero_grad()
        loss = criterion(model(X_train[rows]), y_train[rows])
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item() * len(rows)
    if epoch % 5 == 4:
        print(f"epoch {epoch + 1:3d} | loss {epoch_loss / len(X_train):.4f}")

model.eval()
with torch.no_grad():
    logits = model(X_test)
    print(f"test loss: {criterion(logits, y_test).item():.4f}")
    print(f"test accuracy: {(logits.argmax(1) == y_test).float().mean().item():.4f}")
