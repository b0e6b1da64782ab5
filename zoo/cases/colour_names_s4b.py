import argparse
import math

import torch
import torch.nn as nn

parser = argparse.ArgumentParser(description="Name a colour from its RGB value")
parser.add_argument("--epochs", type=int, default=120)
parser.add_argument("--batch-size", type=int, default=2400)
parser.add_argument("--lr", type=float, default=0.001)
parser.add_argument("--hidden", type=int, default=48)
args = parser.parse_args()

NAMES = ["black", "grey", "white", "red", "orange", "yellow", "green", "cyan", "blue", "violet", "magenta"]


def colour_name(rgb):
    top, bottom = rgb.max(1).values, rgb.min(1).values
    chroma = top - bottom
    r, g, b = rgb.unbind(1)
    hue = torch.atan2(math.sqrt(3) * (g - b), 2 * r - g - b) * 180 / math.pi % 360
    # upper limits of the hue of red, orange, yellow, ... ; above 340 it is red again
    limits = torch.tensor([18.0, 45.0, 72.0, 155.0, 195.0, 255.0, 290.0, 340.0])
    label = 3 + torch.bucketize(hue, limits) % 8
    light = (top + bottom) / 2
    dull = chroma < 0.2
    label[dull] = 1
    label[dull & (light > 0.7)] = 2
    label[light < 0.22] = 0
    return label


torch.manual_seed(8)
colours = torch.rand(3200, 3)
names = colour_name(colours)
inputs = colours * 2 - 1
train_x, test_x = inputs[:2400], inputs[2400:]
train_y, test_y = names[:2400], names[2400:]

net = nn.Sequential(
    nn.Linear(3, args.hidden),
    nn.LeakyReLU(0.1),
    nn.Linear(args.hidden, args.hidden),
    nn.LeakyReLU(0.1),
    nn.Linear(args.hidden, len(NAMES)),
    nn.LogSoftmax(dim=1),
)
criterion = nn.NLLLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=args.lr)

for epoch in range(1, args.epochs + 1):
    for rows in torch.randperm(len(train_x)).split(args.batch_size):
        loss = criterion(net(train_x[rows]), train_y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if epoch % 20 == 0:
        with torch.no_grad():
            print(f"epoch {epoch}: loss {criterion(net(train_x), train_y):.4f}, test loss {criterion(net(test_x), test_y):.4f}")

with torch.no_grad():
    guess = net(test_x).argmax(1)
for k, name in enumerate(NAMES):
    mine = test_y == k
    print(f"{name:>8}: {(guess[mine] == k).sum().item():3d} of {mine.sum().item():3d}")
print(f"named correctly: {(guess == test_y).float().mean().item():.4f}")
