import random

import torch
import torch.nn as nn
from torch.nn.utils import clip_grad_norm_
from torch.nn.utils.rnn import pad_sequence

torch.manual_seed(6)
random.seed(6)

TAGS = ["O", "QTY", "UNIT", "FOOD", "TIME", "TEMP"]
FOODS = "flour sugar butter milk rice onions carrots lentils tomatoes cream garlic honey oats beans".split()
KINDS = "brown fresh chopped unsalted cold ripe".split()
UNITS = "cups grams spoons pinches handfuls".split()
NUMBERS = "1 2 3 4 5 6 8 10 12 15 20 25 30 40 150 180 200 220".split()
VERBS = "add stir whisk fold pour mix".split()


def food():
    words = [random.choice(FOODS)]
    if random.random() < 0.4:
        words.insert(0, random.choice(KINDS))
    return [(w, "FOOD") for w in words]


def amount():
    n = (random.choice(NUMBERS), "QTY")
    if random.random() < 0.6:
        return [n, (random.choice(UNITS), "UNIT"), ("of", "O")] + food()
    return [n] + food()


def clause():
    kind = random.randrange(4)
    if kind == 0:
        return [(random.choice(VERBS), "O")] + amount() + [("and", "O")] + amount()
    if kind == 1:
        return [(random.choice(["bake", "cook", "rest"]), "O"), ("for", "O"),
                (random.choice(NUMBERS), "TIME"), (random.choice(["minutes", "seconds"]), "TIME")]
    if kind == 2:
        return [("heat", "O"), ("the", "O")] + food() + [("to", "O"), (random.choice(NUMBERS), "TEMP"),
                                                         ("degrees", "TEMP")]
    return [("then", "O"), (random.choice(VERBS), "O"), ("in", "O")] + amount()


def sentence():
    words = clause()
    for _ in range(random.randint(0, 2)):
        words = words + [(",", "O")] + clause()
    return words


def encode(sentences, vocab):
    xs = [torch.tensor([vocab.setdefault(w, len(vocab) + 1) for w, _ in s]) for s in sentences]
    ys = [torch.tensor([TAGS.index(t) for _, t in s]) for s in sentences]
    return xs, ys


class Tagger(nn.Module):
    def __init__(self, n_words, n_tags, emb=24, hidden=32):
        super().__init__()
        self.emb = nn.Embedding(n_words, emb, padding_idx=0)
        self.lstm = nn.LSTM(emb, hidden, batch_first=True, bidirectional=True)
        self.out = nn.Linear(2 * hidden, n_tags)

    def forward(self, x):
        h, _ = self.lstm(self.emb(x))
        return self.out(h)


def collate(xs, ys, idx):
    x = pad_sequence([xs[i] for i in idx], batch_first=True)
    y = pad_sequence([ys[i] for i in idx], batch_first=True, padding_value=-100)
    return x, y


def tag_accuracy(model, xs, ys):
    model.eval()
    with torch.no_grad():
        x, y = collate(xs, ys, range(len(xs)))
        real = y != -100
        pred = model(x).argmax(-1)
    model.train()
    return (pred == y)[real].float().mean().item()


vocab = {}
x_train, y_train = encode([sentence() for _ in range(1200)], vocab)
x_test, y_test = encode([sentence() for _ in range(300)], vocab)

model = Tagger(len(vocab) + 1, len(TAGS))
criterion = nn.CrossEntropyLoss(ignore_index=-100)
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)

MICRO, ACCUMULATE, EPOCHS = 8, 3, 4
for epoch in range(EPOCHS):
    order = torch.randperm(len(x_train)).tolist()
    total, norms = 0.0, []
    optimizer.zero_grad()
    for k, start in enumerate(range(0, len(order), MICRO), start=1):
        x, y = collate(x_train, y_train, order[start:start + MICRO])
        loss = criterion(model(x).flatten(0, 1), y.flatten())
        (loss / ACCUMULATE).backward()
        total += loss.item()
        if k % ACCUMULATE == 0:
            norms.append(clip_grad_norm_(model.parameters(), max_norm=1.0).item())
            optimizer.step()
            optimizer.zero_grad()
    print(f"epoch {epoch + 1}: loss {total / k:.4f}, grad norm {sum(norms) / len(norms):.3f}, "
          f"updates {len(norms)}, test {tag_accuracy(model, x_test, y_test):.4f}")

print(f"tag accuracy: {tag_accuracy(model, x_test, y_test):.4f}")
