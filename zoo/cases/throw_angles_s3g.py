"""Which launch angle sent the ball this far?  Two answers per distance, so a mixture."""
import math

import torch
from torch import nn

torch.manual_seed(17)


def throws(n):
    low = torch.rand(n) < 0.5
    distance = 0.25 + 0.6 * torch.rand(n)
    flat = 0.5 * torch.asin(distance)
    angle = torch.where(low, flat, math.pi / 2 - flat)
    spread = torch.where(low, 0.05 + 0.03 * distance, 0.09 - 0.03 * distance)
    angle = angle + spread * torch.randn(n)
    return ((distance - 0.55) / 0.173).unsqueeze(1), (angle - math.pi / 4) / 0.4


class MixtureNet(nn.Module):
    def __init__(self, hidden=40, parts=2):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(1, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU())
        self.weight = nn.Linear(hidden, parts)
        self.centre = nn.Linear(hidden, parts)
        self.log_width = nn.Linear(hidden, parts)
        with torch.no_grad():
            self.centre.bias.copy_(torch.linspace(-1.0, 1.0, parts))

    def forward(self, x):
        h = self.body(x)
        return self.weight(h).log_softmax(-1), self.centre(h), self.log_width(h)


def negative_log_likelihood(outputs, target):
    log_pi, mu, log_sigma = outputs
    z = (target.unsqueeze(1) - mu) * torch.exp(-log_sigma)
    log_normal = -0.5 * z ** 2 - log_sigma - 0.5 * math.log(2 * math.pi)
    return -torch.logsumexp(log_pi + log_normal, dim=1).mean()


x_train, y_train = throws(5000)
x_test, y_test = throws(1500)
net = MixtureNet()
steps = 800
optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps, eta_min=1e-5)

for step in range(1, steps + 1):
    rows = torch.randint(0, len(x_train), (200,))
    loss = negative_log_likelihood(net(x_train[rows]), y_train[rows])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
    if step % 100 == 0:
        with torch.no_grad():
            train_nll = negative_log_likelihood(net(x_train), y_train).item()
            test_nll = negative_log_likelihood(net(x_test), y_test).item()
        print(f"step {step:5d}  nll train {train_nll:+.4f}  test {test_nll:+.4f}")

with torch.no_grad():
    log_pi, mu, log_sigma = net(torch.tensor([[-1.0], [0.0], [1.0]]))
    for d, p, m, s in zip((0.377, 0.55, 0.723), log_pi.exp(), mu, log_sigma.exp()):
        degrees = (m * 0.4 + math.pi / 4) * 180 / math.pi
        print(f"distance {d:.3f}: angles {degrees.tolist()}, shares {p.tolist()}, widths {(s * 0.4).tolist()}")
print(f"test nll: {test_nll:.3f}")
