import torch
from torch import nn

torch.manual_seed(17)


def surface(p):
    u, v = p[:, 0], p[:, 1]
    return torch.sin(2 * u) * torch.cos(v) + 0.5 * u * v


def sample(n):
    p = torch.rand(n, 2) * 3 - 1.5
    return p, (surface(p) + 0.05 * torch.randn(n)).unsqueeze(1)


inputs, heights = sample(1000)
val_inputs, val_heights = sample(300)

model = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 1))
criterion = nn.MSELoss()
optimizer = torch.optim.LBFGS(model.parameters(), lr=1.0, max_iter=4, history_size=20, line_search_fn="strong_wolfe")


def closure():
    optimizer.zero_grad()
    loss = criterion(model(inputs), heights)
    loss.backward()
    return loss


for it in range(1, 121):
    loss = optimizer.step(closure)
    if it % 20 == 0:
        with torch.no_grad():
            val = criterion(model(val_inputs), val_heights)
        print(f"iteration {it}: {loss.item():.5f} / {val.item():.5f}")

with torch.no_grad():
    rest = (model(val_inputs) - val_heights).pow(2).mean()
print(f"coefficient of determination {1 - (rest / val_heights.var()).item():.4f}")
