"""Digit classifier. The reconstruction head is there for a later experiment and is switched off by default."""
import argparse
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split


class Net(nn.Module):
    def __init__(self, reconstruct=False):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 72), nn.ReLU(), nn.Linear(72, 36), nn.ReLU())
        self.classifier = nn.Linear(36, 10)
        self.decoder = nn.Linear(36, 64)
        self.temperature = nn.Parameter(torch.ones(()), requires_grad=False)
        self.reconstruct = reconstruct

    def forward(self, x):
        h = self.encoder(x)
        logits = self.classifier(h) / self.temperature
        return (logits, self.decoder(h)) if self.reconstruct else (logits, None)


def main(argv=None):
    ap = argparse.ArgumentParser()
    ap.add_argument("--reconstruct", action="store_true")
    ap.add_argument("--epochs", type=int, default=18)
    args = ap.parse_args(argv)
    torch.manual_seed(90)
    x, y = load_digits(return_X_y=True)
    xtr, xte, ytr, yte = train_test_split(x / 16, y, test_size=0.25, random_state=13)
    xtr, xte, ytr, yte = torch.Tensor(xtr), torch.Tensor(xte), torch.LongTensor(ytr), torch.LongTensor(yte)
    net = Net(args.reconstruct)
    print(sum(p.numel() for p in net.parameters()), "parameters")
    opt = torch.optim.Adam(net.parameters(), lr=2e-3)
    for epoch in range(args.epochs):
        net.train()
        for idx in torch.randperm(len(xtr)).split(50):
            logits, rec = net(xtr[idx])
            loss = F.cross_entropy(logits, ytr[idx])
            if rec is not None:
                loss = loss + 0.5 * F.mse_loss(rec, xtr[idx])
            opt.zero_grad()
            loss.backward()
            opt.step()
        net.eval()
        with torch.no_grad():
            val = F.cross_entropy(net(xte)[0], yte).item()
        print(f"{epoch:2d}: loss {loss.item():.4f} val {val:.4f}")
    with torch.no_grad():
        acc = (net(xte)[0].argmax(1) == yte).float().mean().item()
    print(f"test accuracy: {acc:.4f}")


if __name__ == "__main__":
    main()
