import copy

import torch
from torch import nn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split


class EMA:
    """Exponential moving average of a model's weights, used for evaluation."""

    def __init__(self, model, decay=0.98):
        self.decay = decay
        self.shadow = copy.deepcopy(model).eval()
        for p in self.shadow.parameters():
            p.requires_grad_(False)

    @torch.no_grad()
    def update(self, model):
        for s, p in zip(self.shadow.parameters(), model.parameters()):
            s.lerp_(p, 1 - self.decay)


def main():
    torch.manual_seed(23)
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype("float32")
    Xa, Xb, ya, yb = train_test_split(X, y, test_size=0.2, random_state=7)
    Xa, Xb, ya, yb = map(torch.from_numpy, (Xa, Xb, ya, yb))

    model = nn.Sequential(nn.Linear(64, 128), nn.SiLU(), nn.Linear(128, 10))
    ema = EMA(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9)
    loss_fn = nn.CrossEntropyLoss()

    step = 0
    for epoch in range(12):
        for idx in torch.randperm(len(Xa)).split(50):
            loss = loss_fn(model(Xa[idx]), ya[idx])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            ema.update(model)
            step += 1
        with torch.no_grad():
            raw = (model(Xb).argmax(1) == yb).float().mean().item()
            avg = (ema.shadow(Xb).argmax(1) == yb).float().mean().item()
        print(f"step {step:4d} loss {loss.item():.4f} raw {raw:.3f} ema {avg:.3f}")
    print(f"test accuracy: {avg:.3f}")


main()
