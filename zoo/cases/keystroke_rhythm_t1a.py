"""Who is typing?  Hold and flight times of one password, eight people."""
import numpy as np
import torch
from torch import nn

PEOPLE = 8
KEYS = 11          # length of the password
ATTEMPTS = 320     # per person

torch.manual_seed(27)
rng = np.random.default_rng(27)


def record():
    rows, labels = [], []
    for person in range(PEOPLE):
        hold = rng.normal(95, 14, KEYS)
        flight = rng.normal(140, 30, KEYS - 1)
        for _ in range(ATTEMPTS):
            tempo = np.exp(rng.normal(0, 0.08))
            h = hold * tempo + rng.normal(0, 9, KEYS)
            f = flight * tempo + rng.normal(0, 24, KEYS - 1)
            rows.append(np.concatenate([h, f]))
            labels.append(person)
    rows, labels = np.array(rows), np.array(labels)
    order = rng.permutation(len(rows))
    return rows[order], labels[order]


times, who = record()
cut = int(0.8 * len(times))
mu, sd = times[:cut].mean(0), times[:cut].std(0)
times = torch.from_numpy((times - mu) / sd).float()
who = torch.from_numpy(who)


class TypistNet(nn.Module):
    def __init__(self, n_in, n_out, width=48, depth=8, act=nn.Sigmoid):
        super().__init__()
        sizes = [n_in] + [width] * depth
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes, sizes[1:]))
        self.act = act()
        self.out = nn.Linear(width, n_out)

    def forward(self, x):
        for layer in self.hidden:
            x = self.act(layer(x))
        return self.out(x)


net = TypistNet(times.shape[1], PEOPLE)
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
ce = nn.CrossEntropyLoss()

for epoch in range(1, 21):
    running = 0.0
    for idx in torch.randperm(cut).split(64):
        opt.zero_grad()
        loss = ce(net(times[idx]), who[idx])
        loss.backward()
        opt.step()
        running += loss.item() * len(idx)
    if epoch % 5 == 0 or epoch == 1:
        with torch.no_grad():
            guess = net(times[cut:]).argmax(1)
        print(f"[{epoch:02d}] loss={running / cut:.4f}  held-out={100 * (guess == who[cut:]).float().mean():.1f}%")

with torch.no_grad():
    acc = (net(times[cut:]).argmax(1) == who[cut:]).float().mean().item()
print(f"identified {100 * acc:.1f}% of the typists")
