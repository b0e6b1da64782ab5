import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset, random_split


class ConvAutoencoder(nn.Module):
    """Compress 8x8 digits to a short code and draw them again."""

    def __init__(self, code, mean_image):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 12, 3, padding=1)
        self.conv2 = nn.Conv2d(12, 24, 3, stride=2, padding=1)
        self.to_code = nn.Linear(24 * 16, code)
        self.expand = nn.Linear(code, 128)
        self.draw = nn.Linear(128, 64)
        # start from the average picture
        with torch.no_grad():
            self.draw.bias.copy_(torch.logit(mean_image, eps=0.01))

    def forward(self, img):
        h = F.leaky_relu(self.conv1(img), 0.1)
        h = F.leaky_relu(self.conv2(h), 0.1)
        z = self.to_code(h.flatten(1))
        h = F.leaky_relu(self.expand(z), 0.1)
        return torch.relu(self.draw(h)).view(-1, 1, 8, 8)


def evaluate(model, loader):
    model.eval()
    total = 0.0
    n = 0
    with torch.no_grad():
        for (img,) in loader:
            total += F.mse_loss(model(img), img, reduction="sum").item()
            n += img.numel()
    model.train()
    return total / n


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--code", type=int, default=16)
    parser.add_argument("--epochs", type=int, default=24)
    parser.add_argument("--lr", type=float, default=2e-3)
    args = parser.parse_args()

    torch.manual_seed(21)
    images = torch.tensor(load_digits().images / 16.0, dtype=torch.float32).unsqueeze(1)
    data = TensorDataset(images)
    train, test = random_split(data, [1437, 360])
    loader = DataLoader(train, batch_size=48, shuffle=True)
    test_loader = DataLoader(test, batch_size=360)

    model = ConvAutoencoder(args.code, images[train.indices].mean(0).flatten())
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    for epoch in range(1, args.epochs + 1):
        seen = 0.0
        for (img,) in loader:
            loss = F.mse_loss(model(img), img)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            seen += loss.item()
        if epoch % 3 == 0:
            print(f"epoch {epoch:3d} | train mse {seen / len(loader):.5f} | test mse {evaluate(model, test_loader):.5f}")
    print(f"reconstruction mse: {evaluate(model, test_loader):.5f}")


if __name__ == "__main__":
    main()
