"""Do three points A, B, C turn left or right? Learn the answer from coordinates alone."""
import argparse

import torch
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("--points", type=int, default=4000)
parser.add_argument("--epochs", type=int, default=25)
parser.add_argument("--width", type=int, default=64)
parser.add_argument("--lr", type=float, default=1e-3)
args = parser.parse_args()

torch.manual_seed(12)


def draw(n):
    xy = torch.randn(n, 3, 2)
    ab, ac = xy[:, 1] - xy[:, 0], xy[:, 2] - xy[:, 0]
    area = ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0]
    return xy.flatten(1), (area > 0).float()


class TurnNet(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.embed = nn.Linear(6, width)
        self.mix = nn.Linear(width, width)
        self.squeeze = nn.Linear(width, width // 2)
        self.head = nn.Linear(width // 2, 1)

    def forward(self, x):
        h = self.embed(x)
        h = self.mix(h)
        h = self.squeeze(h)
        return self.head(h).view(-1)


train_x, train_y = draw(args.points)
test_x, test_y = draw(1000)
model = TurnNet(args.width)
opt = torch.optim.RMSprop(model.parameters(), lr=args.lr)
bce = nn.BCEWithLogitsLoss()

for epoch in range(args.epochs):
    seen = right = 0
    for pick in torch.randperm(args.points).split(80):
        logit = model(train_x[pick])
        loss = bce(logit, train_y[pick])
        opt.zero_grad()
        loss.backward()
        opt.step()
        seen += len(pick)
        right += ((logit > 0).float() == train_y[pick]).sum().item()
    if (epoch + 1) % 5 == 0:
        print(f"epoch {epoch + 1}: last batch {loss.item():.4f}, train accuracy {right / seen:.3f}")

with torch.no_grad():
    answer = (model(test_x) > 0).float()
print(f"turns told apart: {(answer == test_y).float().mean().item():.4f}")
