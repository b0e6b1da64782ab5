import torch
import torch.nn as nn
from sklearn.datasets import make_friedman1
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, TensorDataset, random_split

SEED_DATA = 4
torch.manual_seed(4)

X, y = make_friedman1(n_samples=2400, n_features=12, noise=0.5, random_state=SEED_DATA)
X = StandardScaler().fit_transform(X)
y = StandardScaler().fit_transform(y.reshape(-1, 1))
full = TensorDataset(torch.tensor(X, dtype=torch.float32), torch.tensor(y, dtype=torch.float32))
train_set, test_set = random_split(full, [1800, 600])


class Trainer:
    def __init__(self, net, lr=2e-3, l1_lambda=0.03, batch_size=32):
        self.net = net
        self.l1_lambda = l1_lambda
        self.optim = torch.optim.Adam(net.parameters(), lr=lr)
        self.loader = DataLoader(train_set, batch_size=batch_size, shuffle=True)

    def l1(self):
        return sum(w.abs().sum() for name, w in self.net.named_parameters() if name.endswith("weight"))

    def fit(self, epochs):
        for epoch in range(epochs):
            self.net.train()
            data_term = 0.0
            for xb, yb in self.loader:
                mse = nn.functional.mse_loss(self.net(xb), yb)
                loss = mse + self.l1_lambda * self.l1()
                self.optim.zero_grad()
                loss.backward()
                self.optim.step()
                data_term += mse.item()
            if epoch % 3 == 2:
                print(f"epoch {epoch + 1:3d}  mse {data_term / len(self.loader):.4f}  |w|_1 {self.l1().item():.1f}  test {self.r2(test_set):.3f}")

    @torch.no_grad()
    def r2(self, subset):
        self.net.eval()
        xs, ys = subset.dataset.tensors[0][subset.indices], subset.dataset.tensors[1][subset.indices]
        return (1 - (self.net(xs) - ys).pow(2).mean() / ys.var()).item()


net = nn.Sequential(nn.Linear(12, 48), nn.Tanh(), nn.Linear(48, 24), nn.Tanh(), nn.Linear(24, 1))
trainer = Trainer(net)
trainer.fit(24)
print(f"r2 train {trainer.r2(train_set):.3f}")
print(f"r2 test {trainer.r2(test_set):.3f}")
