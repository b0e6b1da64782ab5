import math
import random

import torch
import torch.nn as nn
import torch.nn.functional as F

ONES = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
VERSE = """{a} green bottles hanging on the wall,
{a} green bottles hanging on the wall,
and if one green bottle should accidentally fall,
there'll be {b} green bottles hanging on the wall.

"""


def spell(n):
    if n < 20:
        return ONES[n - 1]
    return TENS[n // 10 - 2] + ("" if n % 10 == 0 else "-" + ONES[n % 10 - 1])


torch.manual_seed(2)
random.seed(2)
verses = [VERSE.format(a=spell(n), b=spell(n - 1)) for n in range(99, 1, -1)]
random.shuffle(verses)
train_text, val_text = "".join(verses[:80]), "".join(verses[80:])
chars = sorted(set(train_text + val_text))
index = {c: i for i, c in enumerate(chars)}
encode = lambda s: torch.tensor([index[c] for c in s])
train_ids, val_ids = encode(train_text), encode(val_text)

CTX, DIM, HEADS, LAYERS, BATCH, STEPS = 64, 64, 4, 2, 12, 320


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(DIM), nn.LayerNorm(DIM)
        self.qkv = nn.Linear(DIM, 3 * DIM)
        self.proj = nn.Linear(DIM, DIM)
        self.mlp = nn.Sequential(nn.Linear(DIM, 4 * DIM), nn.GELU(), nn.Linear(4 * DIM, DIM))

    def forward(self, x):
        b, t, _ = x.shape
        q, k, v = self.qkv(self.ln1(x)).view(b, t, 3, HEADS, DIM // HEADS).permute(2, 0, 3, 1, 4)
        a = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.proj(a.transpose(1, 2).reshape(b, t, DIM))
        return x + self.mlp(self.ln2(x))


class SongModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens = nn.Embedding(len(chars), DIM)
        self.places = nn.Embedding(CTX, DIM)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.norm = nn.LayerNorm(DIM)
        self.head = nn.Linear(DIM, len(chars), bias=False)
        for m in self.modules():
            if isinstance(m, nn.Embedding):
                nn.init.normal_(m.weight, std=0.1)
        self.head.weight = self.tokens.weight

    def forward(self, ids):
        x = self.tokens(ids) + self.places.weight[:ids.shape[1]]
        for layer in self.layers:
            x = layer(x)
        return self.head(self.norm(x))


def sample(ids, n):
    starts = torch.randint(len(ids) - CTX, (n,))
    chunk = torch.stack([ids[s:s + CTX + 1] for s in starts])
    return chunk[:, :-1], chunk[:, 1:]


def loss_of(model, x, y):
    return F.cross_entropy(model(x).flatten(0, 1), y.flatten())


@torch.no_grad()
def validate(model):
    chunks = val_ids[:(len(val_ids) - 1) // CTX * CTX + 1]
    x, y = chunks[:-1].view(-1, CTX), chunks[1:].view(-1, CTX)
    return loss_of(model, x, y).item()


model = SongModel()
opt = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
sched = torch.optim.lr_scheduler.LambdaLR(
    opt, lambda s: min(1.0, (s + 1) / 40) * (0.55 + 0.45 * math.cos(math.pi * s / STEPS)))

for step in range(STEPS):
    x, y = sample(train_ids, BATCH)
    loss = loss_of(model, x, y)
    opt.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    opt.step()
    sched.step()
    if step % 40 == 39:
        print(f"step {step + 1}: batch loss {loss.item():.3f}, held-out verses {validate(model):.3f}")

print(f"held-out nats per character: {validate(model):.4f}")
