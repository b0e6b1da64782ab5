import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset


class WideNet(nn.Module):
    def __init__(self, p=0.9):
        super().__init__()
        self.fc1 = nn.Linear(64, 128)
        self.fc2 = nn.Linear(128, 64)
        self.fc3 = nn.Linear(64, 64)
        self.fc4 = nn.Linear(64, 10)
        self.p = p

    def forward(self, x):
        for fc in (self.fc1, self.fc2, self.fc3):
            x = F.dropout(F.relu(fc(x)), p=self.p, training=self.training)
        return self.fc4(x)


def loaders(batch_size=64):
    X, y = load_digits(return_X_y=True)
    Xa, Xb, ya, yb = train_test_split(X / 16, y, test_size=0.25, random_state=11, stratify=y)
    make = lambda X, y, s: DataLoader(TensorDataset(torch.tensor(X).float(), torch.tensor(y)), batch_size, shuffle=s)
    return make(Xa, ya, True), make(Xb, yb, False)


@torch.no_grad()
def evaluate(net, loader):
    net.eval()
    loss = n = hits = 0
    for x, y in loader:
        out = net(x)
        loss += F.cross_entropy(out, y, reduction="sum").item()
        hits += (out.argmax(1) == y).sum().item()
        n += len(y)
    return loss / n, hits / n


if __name__ == "__main__":
    torch.manual_seed(99)
    train_loader, val_loader = loaders()
    net = WideNet()
    opt = torch.optim.Adam(net.parameters(), lr=1e-3)
    for epoch in range(40):
        net.train()
        for x, y in train_loader:
            opt.zero_grad()
            loss = F.cross_entropy(net(x), y)
            loss.backward()
            opt.step()
        val_loss, val_acc = evaluate(net, val_loader)
        print(f"epoch {epoch + 1} loss {loss.item():.4f} val_loss {val_loss:.4f} val_acc {val_acc:.4f}")
    print(f"final validation accuracy {val_acc:.4f}")
