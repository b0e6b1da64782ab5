import torch
from torch import nn
from sklearn.datasets import load_digits

torch.manual_seed(20)
X, y = load_digits(return_X_y=True)
X, y = torch.tensor(X / 16 - 0.3, dtype=torch.float32), torch.tensor(y)
i = torch.randperm(len(X))
Xtr, ytr, Xte, yte = X[i[300:]], y[i[300:]], X[i[:300]], y[i[:300]]

model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
opt = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9)
ce = nn.CrossEntropyLoss()

step = 0
while step < 400:
    idx = torch.randint(len(Xtr), (100,))
    loss = ce(model(Xtr[idx]), ytr[idx])
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 40 == 0:
        print(f"step {step} loss {loss.item():.4f}")
    step += 1

acc = (model(Xte).argmax(1) == yte).float().mean().item()
print(f"test accuracy: {acc:.3f}")
