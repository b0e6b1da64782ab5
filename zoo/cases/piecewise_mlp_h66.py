import torch
from torch import nn
torch.manual_seed(16)


def law(x):
    return (torch.maximum(x[:, 0], x[:, 1]) + 0.5 * x[:, 2].abs()).unsqueeze(1)


x_train, x_test = torch.rand(1000, 3) * 2 - 1, torch.rand(400, 3) * 2 - 1
y_train, y_test = law(x_train), law(x_test)
net = nn.Sequential(nn.Linear(3, 32), nn.ReLU(), nn.Linear(32, 1))
opt = torch.optim.Adam(net.parameters(), lr=0.01)
for step in range(3000):
    i = torch.randint(0, len(x_train), (50,))
    loss = nn.functional.mse_loss(net(x_train[i]), y_train[i])
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 100 == 0:
        print(f"{step} {loss.item():.2e}")
with torch.no_grad():
    print(f"test mse: {nn.functional.mse_loss(net(x_test), y_test).item():.6f}")
