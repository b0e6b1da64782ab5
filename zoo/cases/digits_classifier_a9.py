import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn import datasets, model_selection
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(2)
digits = datasets.load_digits()
Xtr, Xte, ytr, yte = model_selection.train_test_split(digits.data / 16., digits.target, test_size=0.25, random_state=2)
tr = TensorDataset(torch.FloatTensor(Xtr), torch.LongTensor(ytr))
te = TensorDataset(torch.FloatTensor(Xte), torch.LongTensor(yte))
train_dl = DataLoader(tr, batch_size=32, shuffle=True)
test_dl = DataLoader(te, batch_size=64)


class MLP(nn.Module):
    def __init__(self, hidden=128):
        super().__init__()
        self.l1 = nn.Linear(64, hidden)
        self.l2 = nn.Linear(hidden, hidden)
        self.l3 = nn.Linear(hidden, hidden)
        self.l4 = nn.Linear(hidden, 10)

    def forward(self, x):
        x = self.l1(x).relu()
        x = self.l2(x).relu()
        x = self.l3(x).relu()
        return self.l4(x)


net = MLP()
opt = torch.optim.Adam(net.parameters(), lr=0.1)

for epoch in range(15):
    net.train()
    losses = []
    for xb, yb in train_dl:
        loss = F.cross_entropy(net(xb), yb)
        opt.zero_grad()
        loss.backward()
        opt.step()
        losses.append(loss.item())
    net.eval()
    with torch.no_grad():
        hits = sum((net(xb).argmax(1) == yb).sum().item() for xb, yb in test_dl)
    print("Epoch", epoch, "loss:", sum(losses) / len(losses), "accuracy:", hits / len(te))
