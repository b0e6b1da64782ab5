"""Word tagging on an artificial language; the word table uses sparse gradients."""
import numpy as np
import torch
import torch.nn as nn

VOCAB, CLASSES, LENGTH = 300, 5, 10
torch.manual_seed(11)
rng = np.random.default_rng(11)

word_class = rng.permutation(VOCAB) % CLASSES


def sentences(n):
    words = rng.integers(0, VOCAB, size=(n, LENGTH))
    kind = word_class[words]
    before = np.concatenate([np.zeros((n, 1), dtype=kind.dtype), kind[:, :-1]], axis=1)
    tags = np.where(before == 1, (kind + 1) % CLASSES, kind)
    return torch.from_numpy(words), torch.from_numpy(tags)


class Tagger(nn.Module):
    def __init__(self, dim=24, hidden=48):
        super().__init__()
        self.words = nn.Embedding(VOCAB, dim, sparse=True)
        self.window = nn.Conv1d(dim, hidden, kernel_size=2)
        self.tag = nn.Linear(hidden, CLASSES)

    def forward(self, w):
        e = self.words(w).transpose(1, 2)
        e = nn.functional.pad(e, (1, 0))
        return self.tag(torch.relu(self.window(e)).transpose(1, 2))


def token_accuracy(model, words, tags):
    with torch.no_grad():
        return (model(words).argmax(-1) == tags).float().mean().item()


train_w, train_t = sentences(4000)
dev_w, dev_t = sentences(600)

model = Tagger()
table = torch.optim.SparseAdam(list(model.words.parameters()), lr=0.01)
rest = torch.optim.Adam([*model.window.parameters(), *model.tag.parameters()], lr=3e-3)
loss_fn = nn.CrossEntropyLoss()

for epoch in range(6):
    running, batches = 0.0, torch.randperm(len(train_w)).split(50)
    for rows in batches:
        table.zero_grad()
        rest.zero_grad()
        loss = loss_fn(model(train_w[rows]).flatten(0, 1), train_t[rows].flatten())
        loss.backward()
        table.step()
        rest.step()
        running += loss.item()
    with torch.no_grad():
        dev_loss = loss_fn(model(dev_w).flatten(0, 1), dev_t.flatten()).item()
    print(f"epoch {epoch}: train {running / len(batches):.4f} dev {dev_loss:.4f} dev acc {token_accuracy(model, dev_w, dev_t):.4f}")

print(f"dev token accuracy = {token_accuracy(model, dev_w, dev_t):.4f}")
