# Character-level language model on sentences from a small grammar.
import math

import numpy as np
import torch
import torch.nn as nn

torch.manual_seed(2024)
rng = np.random.default_rng(2024)

SUBJECTS = "the old sailor|a young fox|my neighbour|the quiet librarian|our dog|the king".split("|")
VERBS = "saw|followed|painted|forgot|carried|praised".split("|")
OBJECTS = "a red boat|the small garden|an empty bottle|his brother|the green door|two birds".split("|")
PLACES = "in the morning|near the river|behind the house|after dinner|without a word".split("|")


def sentence():
    s = f"{rng.choice(SUBJECTS)} {rng.choice(VERBS)} {rng.choice(OBJECTS)}"
    if rng.random() < 0.5:
        s += " " + rng.choice(PLACES)
    return s + ".\n"


corpus = "".join(sentence() for _ in range(1300))
held_out = "".join(sentence() for _ in range(200))
chars = sorted(set(corpus))
stoi = {c: i for i, c in enumerate(chars)}


def encode(text):
    return torch.tensor([stoi[c] for c in text])


train_ids, val_ids = encode(corpus), encode(held_out)


class CharGRU(nn.Module):
    def __init__(self, vocab, emb=24, hidden=96):
        super().__init__()
        self.embed = nn.Embedding(vocab, emb)
        self.rnn = nn.GRU(emb, hidden, batch_first=True)
        self.out = nn.Linear(hidden, vocab)

    def forward(self, idx, state=None):
        h, state = self.rnn(self.embed(idx), state)
        return self.out(h), state


def get_batch(block=40, batch=32):
    starts = torch.randint(0, len(train_ids) - block - 1, (batch,))
    x = torch.stack([train_ids[s:s + block] for s in starts])
    y = torch.stack([train_ids[s + 1:s + block + 1] for s in starts])
    return x, y


@torch.no_grad()
def val_loss(model):
    logits, _ = model(val_ids[None, :-1])
    return nn.functional.cross_entropy(logits[0], val_ids[1:]).item()


@torch.no_grad()
def generate(model, n=90):
    idx, state, text = torch.tensor([[stoi["\n"]]]), None, ""
    for _ in range(n):
        logits, state = model(idx, state)
        idx = torch.multinomial(logits[:, -1].softmax(-1), 1)
        text += chars[idx.item()]
    return text


model = CharGRU(len(chars))
opt = torch.optim.AdamW(model.parameters(), lr=4e-3)
steps = 260
sched = torch.optim.lr_scheduler.OneCycleLR(opt, max_lr=8e-3, total_steps=steps)

for it in range(1, steps + 1):
    xb, yb = get_batch()
    logits, _ = model(xb)
    loss = nn.functional.cross_entropy(logits.flatten(0, 1), yb.flatten())
    opt.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    opt.step()
    sched.step()
    if it % 50 == 0:
        print(f"iter {it}: train {loss.item():.3f}  val {val_loss(model):.3f}")

print(generate(model))
final = val_loss(model)
print(f"val loss {final:.3f} nats/char, perplexity {math.exp(final):.3f}")
