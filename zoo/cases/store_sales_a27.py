import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

np.random.seed(0)
torch.manual_seed(0)

# demand of 400 products; a few of them sell all the time, most are rare (as in real shops)
N_ITEMS, N_ROWS = 400, 8000
popularity = 1 / np.arange(1, N_ITEMS + 1)
popularity /= popularity.sum()
effect = np.random.randn(N_ITEMS)


def sample(n, p):
    item = np.random.choice(N_ITEMS, n, p=p)
    context = np.random.randn(n, 4)
    y = effect[item] + context @ np.array([0.5, -0.3, 0.2, 0.0]) + 0.1 * np.random.randn(n)
    return torch.from_numpy(item), torch.from_numpy(context).float(), torch.from_numpy(y).float()


train_item, train_ctx, train_y = sample(N_ROWS, 0.5 * popularity + 0.5 / N_ITEMS)
test_item, test_ctx, test_y = sample(2000, None)


class Demand(nn.Module):
    def __init__(self):
        super().__init__()
        self.item = nn.Embedding(N_ITEMS, 8)
        self.hidden = nn.Linear(8 + 4, 32)
        self.out = nn.Linear(32, 1)

    def forward(self, item, ctx):
        h = torch.cat([self.item(item), ctx], dim=1)
        return self.out(F.relu(self.hidden(h))).squeeze(1)


model = Demand()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
for epoch in range(12):
    perm = torch.randperm(N_ROWS)
    epoch_loss = 0.0
    for i in range(0, N_ROWS, 64):
        b = perm[i:i + 64]
        loss = F.mse_loss(model(train_item[b], train_ctx[b]), train_y[b])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item()
    print(f"epoch {epoch + 1}  train mse {epoch_loss / (N_ROWS // 64):.4f}")

with torch.no_grad():
    mse = F.mse_loss(model(test_item, test_ctx), test_y).item()
print("test R2 = %.3f" % (1 - mse / test_y.var().item()))
