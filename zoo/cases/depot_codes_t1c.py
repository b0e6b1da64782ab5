# Send parcels to one of six depots by their 5-character code.
from itertools import islice

import numpy as np
import torch
import torch.nn.functional as F

torch.manual_seed(311)
rng = np.random.default_rng(311)

ALPHABET = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"
DEPOTS = ["north", "harbour", "airport", "mill", "east", "quarry"]
N, LENGTH = 12000, 5

prefs = rng.normal(0, 1.0, (3, len(ALPHABET), len(DEPOTS)))
codes = rng.integers(0, len(ALPHABET), (N, LENGTH))
votes = prefs[np.arange(3), codes[:, :3]].sum(1)  # the last two characters are a serial number
depot = votes.argmax(1)

codes = torch.as_tensor(codes)
depot = torch.as_tensor(depot)
train, test = slice(0, 10000), slice(10000, None)


def weight(*shape, scale):
    return (torch.randn(*shape) * scale).requires_grad_()


P = {
    "table": weight(len(ALPHABET), 16, scale=0.5),
    "w1": weight(LENGTH * 16, 96, scale=(2 / (LENGTH * 16)) ** 0.5),
    "b1": torch.zeros(96, requires_grad=True),
    "w2": weight(96, len(DEPOTS), scale=96 ** -0.5),
    "b2": torch.zeros(len(DEPOTS), requires_grad=True),
}


def predict(c):
    flat = P["table"][c].flatten(1)
    return torch.relu(flat @ P["w1"] + P["b1"]) @ P["w2"] + P["b2"]


def stream(size):
    while True:
        pick = torch.randint(0, 10000, (size,))
        yield codes[train][pick], depot[train][pick]


opt = torch.optim.Adam(P.values(), lr=5e-3)


def advance(batch):
    c, d = batch
    loss = F.cross_entropy(predict(c), d)
    loss.backward()
    opt.step()
    return loss.detach()


batches = stream(100)
for block in range(8):
    losses = torch.stack([advance(b) for b in islice(batches, 100)])
    with torch.no_grad():
        right = (predict(codes[test]).argmax(1) == depot[test]).double().mean()
    print(f"{(block + 1) * 100:5d} steps | mean loss {losses.mean():7.3f} | sorted correctly {right:.3f}")

print("share of parcels at the right depot: %.3f" % right)
