import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

DEPTH = 10
WIDTH = 96


def init_weights(m):
    if isinstance(m, nn.Linear):
        nn.init.kaiming_normal_(m.weight, nonlinearity="relu")
        nn.init.zeros_(m.bias)


def build():
    layers = [nn.Linear(64, WIDTH), nn.ReLU()]
    for _ in range(DEPTH - 2):
        layers += [nn.Linear(WIDTH, WIDTH), nn.ReLU()]
    layers.append(nn.Linear(WIDTH, 10))
    return nn.Sequential(*layers).apply(init_weights)


if __name__ == "__main__":
    torch.manual_seed(5)
    X, y = load_digits(return_X_y=True)
    X = (X - X.mean()) / X.std()
    Xtr, Xte, ytr, yte = train_test_split(X, y, test_size=0.2, random_state=11, stratify=y)
    Xtr, Xte = torch.Tensor(Xtr), torch.Tensor(Xte)
    ytr, yte = torch.LongTensor(ytr), torch.LongTensor(yte)

    model = build()
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-4)
    step = 0
    for epoch in range(12):
        for idx in torch.randperm(len(Xtr)).split(48):
            loss = criterion(model(Xtr[idx]), ytr[idx])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if step % 30 == 0:
                print(f"step {step}: loss {loss.item():.3f}")
            step += 1
    model.eval()
    with torch.no_grad():
        acc = (model(Xte).argmax(1) == yte).float().mean().item()
    print(f"test accuracy: {acc:.3f}")
