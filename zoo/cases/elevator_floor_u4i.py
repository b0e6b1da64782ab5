import math

import torch
from torch import nn
from torch.nn.utils import clip_grad_norm_
from torch.optim.lr_scheduler import LambdaLR

# A lift with ten floors gets relative orders (-3 .. +3) and stops at the ends of its shaft.
# The network hears the starting floor and the orders, and says after each order where the lift is.
FLOORS, ORDERS, LENGTH = 10, 7, 12


def rides(n, generator):
    start = torch.randint(FLOORS, (n,), generator=generator)
    orders = torch.randint(ORDERS, (n, LENGTH), generator=generator)
    floor, track = start, []
    for k in range(LENGTH):
        floor = (floor + orders[:, k] - ORDERS // 2).clamp(0, FLOORS - 1)
        track.append(floor)
    return start, orders, torch.stack(track, dim=1)


class LiftModel(nn.Module):
    def __init__(self, hidden=64):
        super().__init__()
        self.first = nn.Embedding(FLOORS, hidden)
        self.order = nn.Embedding(ORDERS, 16)
        self.gru = nn.GRU(16, hidden, batch_first=True)
        self.say = nn.Linear(hidden, FLOORS)

    def forward(self, start, orders):
        h0 = torch.tanh(self.first(start)).unsqueeze(0)
        states, _ = self.gru(self.order(orders), h0)
        return self.say(states)


def warm_cosine(total, warm):
    def factor(step):
        if step < warm:
            return (step + 1) / warm
        return 0.5 * (1 + math.cos(math.pi * (step - warm) / (total - warm)))
    return factor


def main():
    torch.manual_seed(77)
    source = torch.Generator()
    source.manual_seed(78)
    model = LiftModel()
    steps = 500
    optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
    schedule = LambdaLR(optimizer, warm_cosine(steps, 60))
    criterion = nn.CrossEntropyLoss()

    model.train()
    for step in range(1, steps + 1):
        start, orders, track = rides(64, source)
        loss = criterion(model(start, orders).transpose(1, 2), track)
        optimizer.zero_grad()
        loss.backward()
        norm = clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 100 == 0:
            print(f"step {step}: loss {loss.item():.4f}, gradient norm {norm.item():.3f}")

    model.eval()
    start, orders, track = rides(2000, source)
    with torch.no_grad():
        right = model(start, orders).argmax(-1) == track
    print(f"whole rides right: {right.all(1).float().mean().item():.3f}")
    print(f"floors right: {right.float().mean().item():.4f}")


if __name__ == "__main__":
    main()
