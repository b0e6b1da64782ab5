"""Pretrain on the digits 0-4, then keep the body and learn a new head for 5-9."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

torch.manual_seed(12)

digits = load_digits()
x = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 16
y = torch.tensor(digits.target)


class Backbone(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1, self.b1 = nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16)
        self.c2, self.b2 = nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.b1(self.c1(x))), 2)
        x = F.relu(self.b2(self.c2(x)))
        return x.flatten(1)


class Classifier(nn.Module):
    def __init__(self, backbone, n_out):
        super().__init__()
        self.backbone = backbone
        self.fc = nn.Linear(32 * 4 * 4, n_out)

    def forward(self, x):
        return self.fc(self.backbone(x))


def split(mask, n_test=150):
    ids = mask.nonzero().flatten()
    ids = ids[torch.randperm(len(ids))]
    return ids[n_test:], ids[:n_test]


def run(model, params, tr, te, shift, epochs, lr, frozen=False):
    opt = torch.optim.Adam(params, lr=lr)
    for ep in range(epochs):
        model.train()
        if frozen:
            model.backbone.eval()   # keep its running statistics
        total = 0.0
        chunks = tr[torch.randperm(len(tr))].split(32)
        for b in chunks:
            loss = F.cross_entropy(model(x[b]), y[b] - shift)
            opt.zero_grad()
            loss.backward()
            opt.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            acc = (model(x[te]).argmax(1) == y[te] - shift).float().mean().item()
        print(f"  epoch {ep + 1}: loss {total / len(chunks):.4f} accuracy {acc:.3f}")
    return acc


print("pretraining on 0-4")
backbone = Backbone()
source = Classifier(backbone, 5)
run(source, source.parameters(), *split(y < 5), 0, epochs=4, lr=1e-3)

print("fine-tuning on 5-9")
for p in backbone.parameters():
    p.requires_grad = False
target = Classifier(backbone, 5)
acc = run(target, target.fc.parameters(), *split(y >= 5), 5, epochs=10, lr=3e-3, frozen=True)
print(f"test accuracy: {acc:.3f}")
