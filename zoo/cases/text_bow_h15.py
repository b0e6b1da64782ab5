import random
import re

import torch
from torch import nn
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine

random.seed(4)
torch.manual_seed(4)

# which description does a handful of words come from?
docs = [f().DESCR for f in (load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine)]
samples = []
for label, doc in enumerate(docs):
    words = re.findall(r"[a-z]+", doc.lower())
    samples += [(random.choices(words, k=15), label) for _ in range(200)]
vocab = {w: i for i, w in enumerate(sorted({w for s, _ in samples for w in s}))}
random.shuffle(samples)
cut = int(len(samples) * 0.8)
train, test = samples[:cut], samples[cut:]


def collate(batch):
    flat, offsets, labels = [], [], []
    for words, label in batch:
        offsets.append(len(flat))
        flat += [vocab[w] for w in words]
        labels.append(label)
    return torch.tensor(flat), torch.tensor(offsets), torch.tensor(labels)


class BagOfWords(nn.Module):
    def __init__(self, n_words, dim, n_classes):
        super().__init__()
        self.bag = nn.EmbeddingBag(n_words, dim, mode="mean", sparse=True)
        self.fc = nn.Linear(dim, n_classes)

    def forward(self, words, offsets):
        return self.fc(self.bag(words, offsets))


model = BagOfWords(len(vocab), 24, len(docs))
sparse_opt = torch.optim.SparseAdam(list(model.bag.parameters()), lr=0.01)
dense_opt = torch.optim.Adam(model.fc.parameters(), lr=0.01)
loss_fn = nn.CrossEntropyLoss()

for epoch in range(14):
    random.shuffle(train)
    total, n = 0.0, 0
    for i in range(0, len(train), 32):
        words, offsets, labels = collate(train[i:i + 32])
        loss = loss_fn(model(words, offsets), labels)
        sparse_opt.zero_grad()
        dense_opt.zero_grad()
        loss.backward()
        sparse_opt.step()
        dense_opt.step()
        total, n = total + loss.item(), n + 1
    with torch.no_grad():
        w, o, l = collate(test)
        out = model(w, o)
        acc = (out.argmax(1) == l).float().mean().item()
    print(f"epoch {epoch + 1}: train loss {total / n:.3f}  test loss {loss_fn(out, l):.3f}  test acc {acc:.3f}")
print(f"test accuracy: {acc:.3f}")
