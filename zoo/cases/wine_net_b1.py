"""Classify Italian wines by cultivar."""
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler


class WineNet(nn.Module):
    def __init__(self, n_in=13, n_hidden=32, n_out=3):
        super().__init__()
        self.fc1 = nn.Linear(n_in, n_hidden)
        self.fc2 = nn.Linear(n_hidden, n_out)

    def forward(self, x):
        x = F.relu(self.fc1(x))
        x = self.fc2(x)
        return F.softmax(x, dim=1)


def get_data():
    X, y = load_wine(return_X_y=True)
    X_tr, X_va, y_tr, y_va = train_test_split(X, y, test_size=0.3, random_state=7, stratify=y)
    sc = StandardScaler().fit(X_tr)
    t = lambda a: torch.tensor(sc.transform(a), dtype=torch.float32)
    return t(X_tr), t(X_va), torch.tensor(y_tr), torch.tensor(y_va)


def main():
    torch.manual_seed(42)
    np.random.seed(42)
    X_tr, X_va, y_tr, y_va = get_data()
    net = WineNet()
    opt = torch.optim.Adam(net.parameters(), lr=0.005)

    for epoch in range(60):
        net.train()
        order = np.random.permutation(len(X_tr))
        total = 0
        for i in range(0, len(order), 16):
            idx = order[i:i + 16]
            opt.zero_grad()
            loss = F.cross_entropy(net(X_tr[idx]), y_tr[idx])
            loss.backward()
            opt.step()
            total += loss.item() * len(idx)
        net.eval()
        with torch.no_grad():
            val_loss = F.cross_entropy(net(X_va), y_va).item()
        if epoch % 5 == 0:
            print("epoch", epoch, "train", round(total / len(X_tr), 4), "val", round(val_loss, 4))
    print("final val loss", round(val_loss, 4))


if __name__ == "__main__":
    main()
