import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

torch.manual_seed(28)

bunch = load_digits()
images = (bunch.images / 16.0).astype(np.float32)[:, None]
tr_x, te_x, tr_y, te_y = map(
    torch.from_numpy, train_test_split(images, bunch.target, test_size=360, stratify=bunch.target, random_state=28)
)


class ConvBN(nn.Module):
    def __init__(self, cin, cout, stride=1):
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, kernel_size=3, stride=stride, padding=1, bias=True)
        self.bn = nn.BatchNorm2d(cout)

    def forward(self, x):
        return F.relu(self.bn(self.conv(x)))


class GlyphNet(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        self.a = ConvBN(1, width)
        self.b = ConvBN(width, width * 2, stride=2)
        self.c = ConvBN(width * 2, width * 2)
        self.fc = nn.Linear(width * 2, 10)

    def forward(self, x):
        x = self.c(self.b(self.a(x)))
        return self.fc(x.mean(dim=(2, 3)))


net = GlyphNet()
opt = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
EPOCHS, BATCH = 12, 48
steps = EPOCHS * (len(tr_x) // BATCH)
sched = torch.optim.lr_scheduler.OneCycleLR(opt, max_lr=0.05, total_steps=steps)

for epoch in range(EPOCHS):
    net.train()
    order = torch.randperm(len(tr_x))
    running = 0.0
    for k in range(len(tr_x) // BATCH):
        sel = order[k * BATCH:(k + 1) * BATCH]
        loss = F.cross_entropy(net(tr_x[sel]), tr_y[sel])
        opt.zero_grad()
        loss.backward()
        opt.step()
        sched.step()
        running += loss.item()
    net.eval()
    with torch.no_grad():
        out = net(te_x)
    acc = (out.argmax(1) == te_y).double().mean().item()
    print(f"{epoch + 1:2d}/{EPOCHS}  train {running / (k + 1):.4f}  test {F.cross_entropy(out, te_y):.4f}  acc {acc:.4f}")

print(f"glyph accuracy {acc:.4f}")
