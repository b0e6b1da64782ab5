import torch
from torch import nn
from sklearn.datasets import load_diabetes

torch.manual_seed(55)

X, target = load_diabetes(return_X_y=True)
X = torch.tensor(X, dtype=torch.float32) / 0.0476          # columns come with norm 1
target = torch.tensor(target, dtype=torch.float32)          # 25 .. 346
perm = torch.randperm(442, generator=torch.Generator().manual_seed(0))
X, target = X[perm], target[perm]
X_train, y_train, X_test, y_test = X[:340], target[:340], X[340:], target[340:]


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(10, 20)
        self.out = nn.Linear(20, 1)

    def forward(self, x):
        return self.out(torch.tanh(self.hidden(x))).squeeze(-1)


model = Model()
opt = torch.optim.Adam(model.parameters(), lr=0.003)
for epoch in range(50):
    model.train()
    for rows in torch.randperm(340).split(17):
        opt.zero_grad()
        loss = ((model(X_train[rows]) - y_train[rows]) ** 2).mean()
        loss.backward()
        opt.step()
    model.eval()
    with torch.no_grad():
        rmse = ((model(X_test) - y_test) ** 2).mean().sqrt().item()
    print(f"epoch {epoch + 1}: batch loss {loss.item():.1f}, test rmse {rmse:.2f}")
