import math
import torch
import torch.nn as nn

torch.manual_seed(20)
N_HIDDEN = 2


def spirals(n, generator):
    r = torch.rand(n, generator=generator)
    k = torch.randint(0, 2, (n,), generator=generator)
    phi = 2.5 * math.pi * r + math.pi * k
    points = torch.stack([r * torch.cos(phi), r * torch.sin(phi)], dim=1) * 2
    return points + 0.02 * torch.randn(n, 2, generator=generator), k


g = torch.Generator().manual_seed(1)
X_train, y_train = spirals(600, g)
X_test, y_test = spirals(400, g)

net = nn.Sequential(
    nn.Linear(2, N_HIDDEN), nn.Tanh(),
    nn.Linear(N_HIDDEN, N_HIDDEN), nn.Tanh(),
    nn.Linear(N_HIDDEN, 2),
)
optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
criterion = nn.CrossEntropyLoss()
for epoch in range(120):
    for rows in torch.randperm(600).split(40):
        optimizer.zero_grad()
        loss = criterion(net(X_train[rows]), y_train[rows])
        loss.backward()
        optimizer.step()
    if epoch % 10 == 9:
        with torch.no_grad():
            tr = criterion(net(X_train), y_train).item()
            te = criterion(net(X_test), y_test).item()
        print(f"epoch {epoch + 1:3d}: train loss {tr:.4f} test loss {te:.4f}")

with torch.no_grad():
    print(f"test accuracy: {(net(X_test).argmax(1) == y_test).float().mean().item():.4f}")
