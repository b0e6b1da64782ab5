import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

device = torch.device("cpu")
torch.manual_seed(64)

# ---- data -------------------------------------------------------------
data = load_digits()
Xtr, Xva, ytr, yva = train_test_split(data.data / 16, data.target, test_size=0.25, random_state=64)
Xtr = torch.tensor(Xtr, dtype=torch.float32, device=device)
Xva = torch.tensor(Xva, dtype=torch.float32, device=device)
ytr, yva = torch.tensor(ytr, device=device), torch.tensor(yva, device=device)

# ---- model ------------------------------------------------------------
drop = 0.9


def block(n_in, n_out):
    return nn.Sequential(nn.Linear(n_in, n_out), nn.ReLU(), nn.Dropout(drop))


net = nn.Sequential(block(64, 64), block(64, 64), nn.Linear(64, 10)).to(device)
optim = torch.optim.Adam(net.parameters(), lr=1e-3)
ce = nn.CrossEntropyLoss()


class Trainer:
    def __init__(self, net, optim, batch=32):
        self.net, self.optim, self.batch = net, optim, batch

    def fit(self, epochs):
        for e in range(epochs):
            self.net.train()
            perm = torch.randperm(len(Xtr), device=device)
            tl = 0.0
            for k in range(0, len(perm), self.batch):
                i = perm[k:k + self.batch]
                self.optim.zero_grad()
                l = ce(self.net(Xtr[i]), ytr[i])
                l.backward()
                self.optim.step()
                tl += l.item() * len(i)
            vl, va = self.validate()
            print(f"{e + 1:>2}/{epochs}  train_loss={tl / len(perm):.3f}  val_loss={vl:.3f}  val_acc={va:.3f}")

    @torch.no_grad()
    def validate(self):
        self.net.eval()
        out = self.net(Xva)
        return ce(out, yva).item(), (out.argmax(-1) == yva).float().mean().item()


Trainer(net, optim).fit(20)
