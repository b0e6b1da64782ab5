"""A net that reads digits is kept as it is and gets a new head: even or odd?"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split


def batches(x, y, size=32):
    order = torch.randperm(len(x))
    for i in range(0, len(x) - size + 1, size):
        yield x[order[i:i + size]], y[order[i:i + size]]


def make_backbone():
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.SiLU(),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.SiLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32 * 16, 48),
        nn.SiLU(),
    )


def fit(model, params, x, y, epochs, lr, tag):
    opt = torch.optim.Adam(params, lr=lr)
    for epoch in range(1, epochs + 1):
        total, n = 0.0, 0
        for xb, yb in batches(x, y):
            opt.zero_grad()
            loss = F.cross_entropy(model(xb), yb)
            loss.backward()
            opt.step()
            total, n = total + loss.item(), n + 1
        if epoch % 3 == 0:
            print(f"{tag} epoch {epoch}: loss {total / n:.4f}")


@torch.no_grad()
def check(model, x, y):
    logits = model(x)
    return F.cross_entropy(logits, y).item(), (logits.argmax(1) == y).float().mean().item()


def main():
    torch.manual_seed(9)
    images, labels = load_digits(return_X_y=True)
    images = torch.tensor(images, dtype=torch.float32).view(-1, 1, 8, 8)
    images = (images - 4.9) / 6.0
    labels = torch.tensor(labels)
    x_source, x_target, y_source, y_target = train_test_split(
        images, labels, test_size=900, random_state=1, stratify=labels
    )
    x_train, x_test, y_train, y_test = train_test_split(
        x_target, y_target % 2, test_size=300, random_state=1, stratify=y_target
    )

    backbone = make_backbone()
    reader = nn.Sequential(backbone, nn.Linear(48, 10))
    fit(reader, reader.parameters(), x_source, y_source, epochs=9, lr=1e-3, tag="digits")

    for p in backbone.parameters():
        p.requires_grad_(False)
    head = nn.Sequential(nn.Linear(48, 32), nn.SiLU(), nn.Linear(32, 2))
    model = nn.Sequential(backbone, head)
    fit(model, head.parameters(), x_train, y_train, epochs=18, lr=2e-3, tag="parity")

    print("train: loss %.3f, accuracy %.3f" % check(model, x_train, y_train))
    print("test:  loss %.3f, accuracy %.3f" % check(model, x_test, y_test))


if __name__ == "__main__":
    main()
