import torch
from torch import nn, optim
from sklearn.datasets import make_gaussian_quantiles
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

torch.manual_seed(2024)

config = dict(width=48, blocks=3, batch_size=64, epochs=24, lr=0.05, drop_every=8, drop_by=0.1)

features, classes = make_gaussian_quantiles(n_samples=3000, n_features=5, n_classes=4, random_state=9)
x_tr, x_te, y_tr, y_te = train_test_split(features, classes, test_size=800, random_state=9, stratify=classes)
scaler = StandardScaler().fit(x_tr)
x_tr = torch.as_tensor(scaler.transform(x_tr), dtype=torch.float32)
x_te = torch.as_tensor(scaler.transform(x_te), dtype=torch.float32)
y_tr, y_te = torch.as_tensor(y_tr), torch.as_tensor(y_te)


class ResidualBlock(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.a = nn.Linear(width, width)
        self.b = nn.Linear(width, width)

    def forward(self, x):
        return x + self.b(nn.functional.gelu(self.a(self.norm(x))))


net = nn.Sequential(
    nn.Linear(5, config["width"]),
    *[ResidualBlock(config["width"]) for _ in range(config["blocks"])],
    nn.LayerNorm(config["width"]),
    nn.Linear(config["width"], 4),
)
opt = optim.SGD(net.parameters(), lr=config["lr"], momentum=0.9, weight_decay=1e-4)
sched = optim.lr_scheduler.StepLR(opt, step_size=config["drop_every"], gamma=config["drop_by"])
ce = nn.CrossEntropyLoss()

for epoch in range(config["epochs"]):
    net.train()
    mean_loss = 0.0
    for idx in torch.randperm(len(x_tr)).split(config["batch_size"]):
        opt.zero_grad()
        loss = ce(net(x_tr[idx]), y_tr[idx])
        loss.backward()
        opt.step()
        sched.step()
        mean_loss += loss.item() * len(idx) / len(x_tr)
    net.eval()
    with torch.no_grad():
        acc = (net(x_te).argmax(-1) == y_te).float().mean().item()
    if epoch % 3 == 2:
        print(f"{epoch + 1:3d}  loss={mean_loss:.4f}  acc={acc:.4f}")

print(f"done, acc={acc:.4f}")
