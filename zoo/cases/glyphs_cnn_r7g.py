"""Tells six hand-drawn glyphs apart on 16x16 canvases."""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

CFG = dict(lr=1e-6, epochs=8, batch=32, n_train=1600, n_test=500)

torch.manual_seed(99)


class Glyphs(Dataset):
    names = ("bar", "dash", "plus", "ring", "box", "slash")

    def __init__(self, count, gen):
        self.labels = gen.integers(0, 6, count)
        self.images = np.stack([self.draw(c, gen) for c in self.labels]).astype(np.float32)

    @staticmethod
    def draw(c, gen, size=16):
        yy, xx = np.mgrid[:size, :size]
        cy, cx = gen.uniform(5.5, 9.5, 2)
        r = gen.uniform(3.0, 5.0)
        dy, dx = yy - cy, xx - cx
        inside = np.maximum(abs(dy), abs(dx)) <= r
        if c == 0:
            m = (abs(dx) < 1) & inside
        elif c == 1:
            m = (abs(dy) < 1) & inside
        elif c == 2:
            m = ((abs(dx) < 1) | (abs(dy) < 1)) & inside
        elif c == 3:
            m = abs(np.hypot(dy, dx) - r) < 0.8
        elif c == 4:
            m = abs(np.maximum(abs(dy), abs(dx)) - r) < 0.7
        else:
            m = (abs(dx + dy) < 1.2) & inside
        img = m * gen.uniform(0.7, 1.0) + gen.normal(0, 0.15, (size, size))
        return (img[None] - 0.1) / 0.3

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, k):
        return self.images[k], int(self.labels[k])


def build():
    return nn.Sequential(
        nn.Conv2d(1, 12, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(12, 24, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(24 * 16, 48), nn.ReLU(),
        nn.Linear(48, 6),
    )


def run_epoch(net, loader, crit, opt=None):
    net.train(opt is not None)
    loss_sum = hits = seen = 0
    with torch.set_grad_enabled(opt is not None):
        for img, lab in loader:
            out = net(img)
            loss = crit(out, lab)
            if opt is not None:
                opt.zero_grad()
                loss.backward()
                opt.step()
            loss_sum += loss.item() * len(lab)
            hits += (out.argmax(1) == lab).sum().item()
            seen += len(lab)
    return loss_sum / seen, hits / seen


if __name__ == "__main__":
    gen = np.random.default_rng(99)
    train_dl = DataLoader(Glyphs(CFG["n_train"], gen), batch_size=CFG["batch"], shuffle=True)
    test_dl = DataLoader(Glyphs(CFG["n_test"], gen), batch_size=250)
    net = build()
    crit = nn.CrossEntropyLoss()
    opt = torch.optim.Adam(net.parameters(), lr=CFG["lr"])
    for e in range(CFG["epochs"]):
        tl, ta = run_epoch(net, train_dl, crit, opt)
        vl, va = run_epoch(net, test_dl, crit)
        print(f"{e:>2} | train {tl:.4f} {ta:6.1%} | test {vl:.4f} {va:6.1%}")
    print(f"FINAL acc={va:.4f}")
