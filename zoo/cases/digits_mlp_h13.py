import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

torch.manual_seed(8)
device = "cuda" if torch.cuda.is_available() else "cpu"

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16.0, y, test_size=0.2, random_state=0)
X_train = torch.tensor(X_train, dtype=torch.float32, device=device)
X_test = torch.tensor(X_test, dtype=torch.float32, device=device)
y_train, y_test = torch.tensor(y_train, device=device), torch.tensor(y_test, device=device)

model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10)).to(device)
opt = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
scaler = torch.amp.GradScaler(device, init_scale=2.0 ** 24, growth_interval=150)
loss_fn = nn.CrossEntropyLoss()

skipped = 0
for epoch in range(12):
    for idx in torch.randperm(len(X_train), device=device).split(64):
        opt.zero_grad(set_to_none=True)
        with torch.autocast(device, dtype=torch.float16):
            loss = loss_fn(model(X_train[idx]), y_train[idx])
        scaler.scale(loss).backward()
        scaler.step(opt)
        before = scaler.get_scale()
        scaler.update()
        skipped += scaler.get_scale() < before
    with torch.no_grad(), torch.autocast(device, dtype=torch.float16):
        val = loss_fn(model(X_test), y_test).item()
    print(f"epoch {epoch + 1}: loss {loss.item():.4f} val {val:.4f} scale {scaler.get_scale():g} skipped {skipped}")

with torch.no_grad():
    acc = (model(X_test).argmax(1) == y_test).float().mean().item()
print(f"test accuracy: {acc:.3f}")
