"""Hotel reviews -> complaint about room, staff or food. Word vectors + attention pooling."""
import random
from collections import Counter

import torch
import torch.nn as nn

random.seed(3)
torch.manual_seed(3)

TOPICS = {
    "room": "bed pillow shower carpet window balcony towel noisy dusty cramped mattress curtain".split(),
    "staff": "reception porter rude manager clerk unfriendly waited ignored concierge desk greeted shrugged".split(),
    "food": "breakfast coffee soup stale dinner buffet burnt eggs salty menu dessert lukewarm".split(),
}
FILLER = "the was and very our we it again too in for quite never with a sadly".split()
LABELS = list(TOPICS)


def review():
    label = random.randrange(3)
    words = random.choices(TOPICS[LABELS[label]], k=random.randint(1, 3))
    if random.random() < 0.25:
        words.append(random.choice(TOPICS[random.choice(LABELS)]))
    words += random.choices(FILLER, k=random.randint(2, 8))
    random.shuffle(words)
    if random.random() < 0.012:      # guests who only leave their name
        words = ["guest%04d" % random.randrange(10000)]
    return words, label


corpus = [review() for _ in range(1800)]
counts = Counter(w for words, _ in corpus for w in words)
vocab = {w: i + 1 for i, w in enumerate(sorted(w for w in counts if counts[w] >= 5))}
MAXLEN = max(len(words) for words, _ in corpus)


def encode(words):
    ids = [vocab[w] for w in words if w in vocab]
    return ids + [0] * (MAXLEN - len(ids))


ids = torch.tensor([encode(words) for words, _ in corpus])
topic = torch.tensor([label for _, label in corpus])
train_ids, train_topic = ids[:1400], topic[:1400]
val_ids, val_topic = ids[1400:], topic[1400:]


class AttentivePool(nn.Module):
    def __init__(self, n_words, dim=24):
        super().__init__()
        self.words = nn.Embedding(n_words, dim, padding_idx=0)
        self.score = nn.Linear(dim, 1)
        self.classify = nn.Sequential(nn.Linear(dim, 24), nn.ReLU(), nn.Linear(24, 3), nn.LogSoftmax(dim=1))

    def forward(self, ids):
        vectors = self.words(ids)
        scores = self.score(torch.tanh(vectors)).squeeze(-1)
        weights = scores.masked_fill(ids == 0, float("-inf")).softmax(1)
        pooled = (weights.unsqueeze(-1) * vectors).sum(1)
        return self.classify(pooled)


model = AttentivePool(len(vocab) + 1)
nll = nn.NLLLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

for epoch in range(1, 13):
    model.train()
    total = 0.0
    for idx in torch.randperm(len(train_ids)).split(20):
        optimizer.zero_grad()
        loss = nll(model(train_ids[idx]), train_topic[idx])
        loss.backward()
        optimizer.step()
        total += loss.item() * len(idx)
    model.eval()
    with torch.no_grad():
        out = model(val_ids)
        hits = (out.argmax(1) == val_topic).float().mean()
    print(f"epoch {epoch:2d}  train {total / len(train_ids):.3f}  val accuracy {hits:.3f}")

print(f"val accuracy: {hits:.4f}, train loss: {total / len(train_ids):.4f}")
