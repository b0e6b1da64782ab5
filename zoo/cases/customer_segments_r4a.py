"""Customer segmentation: predict the segment (4 groups) from 20 behaviour features."""
import numpy as np
import torch
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(21)

features, segment = make_classification(
    n_samples=4000, n_features=20, n_informative=8, n_redundant=4, n_classes=4,
    n_clusters_per_class=2, class_sep=1.8, flip_y=0.0, random_state=7,
)
f_train, f_test, s_train, s_test = train_test_split(features, segment, test_size=0.25, random_state=7, stratify=segment)
scaler = StandardScaler().fit(f_train)


def tensors(f, s):
    return torch.from_numpy(scaler.transform(f).astype(np.float32)), torch.from_numpy(s).long()


train_set = TensorDataset(*tensors(f_train, s_train))
test_x, test_y = tensors(f_test, s_test)
loader = DataLoader(train_set, batch_size=50, shuffle=True)


class SegmentNet(nn.Module):
    def __init__(self, n_in=20, width=100, n_out=4):
        super().__init__()
        self.inp = nn.Linear(n_in, width)
        self.mid1 = nn.Linear(width, width)
        self.mid2 = nn.Linear(width, width)
        self.out = nn.Linear(width, n_out)
        for layer in (self.inp, self.mid1, self.mid2):
            nn.init.normal_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x):
        x = torch.tanh(self.inp(x))
        x = torch.tanh(self.mid1(x))
        x = torch.tanh(self.mid2(x))
        return self.out(x)


net = SegmentNet()
opt = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
ce = nn.CrossEntropyLoss()

for epoch in range(1, 16):
    running = 0.0
    for fb, sb in loader:
        opt.zero_grad()
        loss = ce(net(fb), sb)
        loss.backward()
        opt.step()
        running += loss.item()
    with torch.no_grad():
        logits = net(test_x)
        val = ce(logits, test_y).item()
        acc = (logits.argmax(1) == test_y).float().mean().item()
    print(f"[{epoch:02d}/15] loss={running / len(loader):.4f} val_loss={val:.4f} val_acc={acc:.4f}")

print(f"final val_acc={acc:.4f}")
