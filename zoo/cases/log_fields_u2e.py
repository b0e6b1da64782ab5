"""Tag every character of a log line: other, timestamp, address, request id."""
import string

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

LENGTH = 56
ALPHABET = "~" + string.ascii_lowercase + string.digits + " .:-_/[]="
INDEX = {c: i for i, c in enumerate(ALPHABET)}
VERBS = "opened closed retried sent dropped queued cached".split()
NOUNS = "socket file page session token feed bead cafe decade facade".split()


class LineMaker:
    def __init__(self, seed_source):
        self.r = seed_source

    def digits(self, n):
        return "".join(str(d) for d in self.r.integers(0, 10, n))

    def word(self, words):
        return words[self.r.integers(len(words))]

    def part(self):
        k = self.r.integers(6)
        if k == 0:
            return f"{self.digits(2)}:{self.digits(2)}:{self.digits(2)}", 1
        if k == 1:
            return ".".join(self.digits(self.r.integers(1, 4)) for _ in range(4)), 2
        if k == 2:
            return "".join("0123456789abcdef"[i] for i in self.r.integers(0, 16, 8)), 3
        if k == 3:
            return f"{self.word(NOUNS)}={self.digits(self.r.integers(1, 6))}", 0
        if k == 4:
            return f"v{self.digits(1)}.{self.digits(2)}.{self.digits(1)}", 0
        return f"{self.word(VERBS)} {self.word(NOUNS)}", 0

    def line(self):
        chars, tags = "", []
        while len(chars) < LENGTH:
            text, tag = self.part()
            chars += text + " "
            tags += [tag] * len(text) + [0]
        return [INDEX[c] for c in chars[:LENGTH]], tags[:LENGTH]

    def batch(self, n):
        rows = [self.line() for _ in range(n)]
        return torch.tensor([r[0] for r in rows]), torch.tensor([r[1] for r in rows])


class Tagger(nn.Module):
    def __init__(self, channels=32, dilations=(1, 2, 4, 1), n_tags=4):
        super().__init__()
        self.embed = nn.Embedding(len(ALPHABET), channels)
        self.convs = [nn.Conv1d(channels, channels, 3, padding=d, dilation=d) for d in dilations]
        self.out = nn.Conv1d(channels, n_tags, 1)

    def forward(self, chars):
        h = self.embed(chars).transpose(1, 2)
        for conv in self.convs:
            h = F.relu(conv(h))
        return self.out(h)


def field_accuracy(model, x, y):
    with torch.no_grad():
        guess = model(x).argmax(1)
    return np.mean([(guess[y == t] == t).float().mean().item() for t in range(4)])


def train(model, train_set, val_set, epochs=8, lr=3e-3):
    x, y = train_set
    opt = torch.optim.Adam(model.parameters(), lr=lr)
    for epoch in range(1, epochs + 1):
        order = torch.randperm(len(x))
        total = 0.0
        for k in range(0, len(x), 32):
            sel = order[k:k + 32]
            opt.zero_grad()
            loss = F.cross_entropy(model(x[sel]), y[sel])
            loss.backward()
            opt.step()
            total += loss.item() * len(sel)
        print(f"epoch {epoch:2d} | loss {total / len(x):.4f} | val field accuracy {field_accuracy(model, *val_set):.4f}")
    return model


if __name__ == "__main__":
    torch.manual_seed(2)
    maker = LineMaker(np.random.default_rng(2))
    train_set, val_set = maker.batch(1280), maker.batch(320)
    tagger = train(Tagger(), train_set, val_set)
    print(f"field accuracy = {field_accuracy(tagger, *val_set):.4f}")
