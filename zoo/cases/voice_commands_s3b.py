import random

import torch
import torch.nn as nn
import torch.nn.functional as F

random.seed(6)
torch.manual_seed(6)

ACTIONS = {
    "on": ["turn on", "switch on", "start", "power up"],
    "off": ["turn off", "switch off", "stop", "shut down"],
    "up": ["turn up", "raise", "increase"],
    "down": ["turn down", "lower", "reduce"],
    "status": ["check", "tell me about", "what about", "how is"],
}
DEVICES = {
    "light": ["light", "lamp", "lights", "bulb"],
    "heating": ["heating", "heater", "radiator", "thermostat"],
    "music": ["music", "radio", "speaker", "songs"],
    "blind": ["blind", "shutter", "curtain"],
    "fan": ["fan", "ventilator", "air conditioning"],
    "screen": ["television", "tv", "screen", "projector"],
}
ROOMS = {
    "kitchen": ["kitchen", "cooking area"],
    "bath": ["bathroom", "bath", "washroom"],
    "bed": ["bedroom", "sleeping room"],
    "living": ["living room", "lounge"],
    "office": ["office", "study", "work room"],
    "hall": ["hall", "corridor", "entrance"],
    "garden": ["garden", "terrace", "yard"],
}
OPENERS = ["", "", "please", "hey", "could you", "now", "would you kindly", "ok"]
CLOSERS = ["", "", "please", "now", "thanks", "for me", "right away"]
TABLES = [ACTIONS, DEVICES, ROOMS]


def make_command():
    picks = [random.randrange(len(t)) for t in TABLES]
    a, d, r = (random.choice(list(t.values())[k]) for t, k in zip(TABLES, picks))
    if random.random() < 0.5:
        core = f"{a} the {d} in the {r}"
    else:
        core = f"in the {r} {a} the {d}"
    words = f"{random.choice(OPENERS)} {core} {random.choice(CLOSERS)}".split()
    return words, picks


commands = [make_command() for _ in range(2600)]
vocab = {w: i + 1 for i, w in enumerate(sorted({w for words, _ in commands for w in words}))}
width = max(len(words) for words, _ in commands)
tokens = torch.zeros(len(commands), width, dtype=torch.long)
for row, (words, _) in enumerate(commands):
    tokens[row, :len(words)] = torch.tensor([vocab[w] for w in words])
labels = torch.tensor([picks for _, picks in commands])
n_train = 2000


class CommandParser(nn.Module):
    def __init__(self, n_words, sizes, dim=32, hidden=40):
        super().__init__()
        self.embed = nn.Embedding(n_words + 1, dim, padding_idx=0)
        self.encoder = nn.GRU(dim, hidden, batch_first=True, bidirectional=True)
        self.heads = nn.ModuleList([nn.Linear(2 * hidden, size) for size in sizes])

    def forward(self, ids):
        mask = (ids != 0).unsqueeze(-1).float()
        states, _ = self.encoder(self.embed(ids))
        pooled = (states * mask).sum(1) / mask.sum(1)
        return [F.softmax(head(pooled), dim=-1) for head in self.heads]


parser = CommandParser(len(vocab), [len(t) for t in TABLES])
optimizer = torch.optim.SGD(parser.parameters(), lr=0.06, momentum=0.9)


def batch_loss(outputs, target):
    return sum(F.cross_entropy(out, target[:, k]) for k, out in enumerate(outputs))


@torch.no_grad()
def evaluate(lo, hi):
    outputs = parser(tokens[lo:hi])
    hits = torch.stack([out.argmax(-1) == labels[lo:hi, k] for k, out in enumerate(outputs)], 1)
    return hits.float().mean(0), hits.all(1).float().mean().item()


for epoch in range(6):
    running = 0.0
    for idx in torch.randperm(n_train).split(40):
        loss = batch_loss(parser(tokens[idx]), labels[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        running += loss.item()
    per_head, exact = evaluate(n_train, len(commands))
    print(f"epoch {epoch}: loss {running / (n_train // 40):.3f}",
          "action/device/room", " ".join(f"{v:.3f}" for v in per_head.tolist()))

print(f"commands fully understood: {exact:.3f}")
