import torch as t
import torch.nn.functional as F
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split

t.manual_seed(5)

data = load_wine()
x = t.tensor(data.data, dtype=t.float32)
y = t.tensor(data.target)
tr, te = train_test_split(range(len(y)), test_size=0.3, stratify=data.target, random_state=8)
mu, sd = x[tr].mean(0), x[tr].std(0)
x = (x - mu) / sd


class WineNet(t.nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = t.nn.Linear(13, 24)
        self.out = t.nn.Linear(24, 3)

    def forward(self, inp):
        return self.out(F.relu(self.hidden(inp)))


net = WineNet()
sgd = t.optim.SGD(net.parameters(), lr=0.01)
loader = t.utils.data.DataLoader(t.utils.data.TensorDataset(x[tr], y[tr]), batch_size=4, shuffle=True)

for epoch in range(25):
    losses = []
    for xb, yb in loader:
        loss = F.cross_entropy(net(xb), yb)
        sgd.zero_grad()
        loss.backward()
        sgd.step()
        losses.append(loss.item())
    print("epoch", epoch, "loss", round(sum(losses) / len(losses), 4))

net.eval()
with t.no_grad():
    hits = (net(x[te]).argmax(-1) == y[te]).sum().item()
print("test accuracy:", round(hits / len(te), 4))
