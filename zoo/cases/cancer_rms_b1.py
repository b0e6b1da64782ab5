import torch
import torch.nn as nn
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

torch.manual_seed(128)

X, y = load_breast_cancer(return_X_y=True)
x_train, x_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=0, stratify=y)
scaler = StandardScaler().fit(x_train)
x_train = torch.tensor(scaler.transform(x_train), dtype=torch.float32)
x_test = torch.tensor(scaler.transform(x_test), dtype=torch.float32)
y_train = torch.tensor(y_train, dtype=torch.float32).unsqueeze(1)
y_test = torch.tensor(y_test, dtype=torch.float32).unsqueeze(1)

model = nn.Sequential(
    nn.Linear(30, 50), nn.ReLU(), nn.Dropout(0.2),
    nn.Linear(50, 50), nn.ReLU(), nn.Dropout(0.2),
    nn.Linear(50, 1), nn.Softmax(dim=1),
)
criterion = nn.BCELoss()
optimizer = torch.optim.RMSprop(model.parameters(), lr=0.001)

batch_size = 32
for epoch in range(40):
    model.train()
    perm = torch.randperm(len(x_train))
    losses = []
    for i in range(0, len(perm), batch_size):
        sel = perm[i:i + batch_size]
        optimizer.zero_grad()
        loss = criterion(model(x_train[sel]), y_train[sel])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    with torch.no_grad():
        acc = ((model(x_test) > 0.5).float() == y_test).float().mean().item()
    print(f"Epoch {epoch + 1}/40  loss: {sum(losses) / len(losses):.4f}  acc: {acc:.4f}")
print(f"test accuracy: {acc:.4f}")
