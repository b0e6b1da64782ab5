# Who finishes the course? 40 answers per person, a small pilot study.
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

torch.manual_seed(77)

answers, finished = make_classification(
    n_samples=1100, n_features=40, n_informative=6, n_redundant=4, n_clusters_per_class=2,
    class_sep=0.9, flip_y=0.1, random_state=77)
a_train, a_val, f_train, f_val = train_test_split(answers, finished, train_size=100, stratify=finished, random_state=0)
scaler = StandardScaler().fit(a_train)
a_train = torch.tensor(scaler.transform(a_train), dtype=torch.float32)
a_val = torch.tensor(scaler.transform(a_val), dtype=torch.float32)
f_train = torch.tensor(f_train, dtype=torch.float32)
f_val = torch.tensor(f_val, dtype=torch.float32)

WIDTH = 256
DROP = 0.0
net = nn.Sequential(
    nn.Linear(40, WIDTH), nn.ReLU(), nn.Dropout(DROP),
    nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Dropout(DROP),
    nn.Linear(WIDTH, 1),
)
optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=0.0)


def logloss(a, f):
    net.eval()
    with torch.no_grad():
        z = net(a).squeeze(1)
    return F.binary_cross_entropy_with_logits(z, f).item(), ((z > 0) == (f > 0.5)).float().mean().item()


for epoch in range(80):
    net.train()
    order = torch.randperm(100)
    for k in range(0, 100, 20):
        idx = order[k:k + 20]
        optimizer.zero_grad()
        loss = F.binary_cross_entropy_with_logits(net(a_train[idx]).squeeze(1), f_train[idx])
        loss.backward()
        optimizer.step()
    if epoch % 8 == 7:
        (tl, ta), (vl, va) = logloss(a_train, f_train), logloss(a_val, f_val)
        print(f"{epoch + 1:3d} | train {tl:.3f} ({ta:.0%}) | val {vl:.3f} ({va:.0%})")

print(f"final validation loss = {logloss(a_val, f_val)[0]:.3f}")
