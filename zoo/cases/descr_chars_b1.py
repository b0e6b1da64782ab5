"""Guess the next character of the data set descriptions from the last eight."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine

torch.manual_seed(3)
CONTEXT = 8
EPOCHS = 20

text = "".join(load().DESCR.lower() for load in (load_breast_cancer, load_diabetes, load_iris, load_wine))
chars = sorted(set(text))
index = {c: i for i, c in enumerate(chars)}
ids = torch.tensor([index[c] for c in text])
# blocks of 400 characters, every fourth one is for validation
blocks = [ids[i:i + 400].unfold(0, CONTEXT + 1, 1) for i in range(0, len(ids) - CONTEXT, 400)]
train = torch.cat([b for i, b in enumerate(blocks) if i % 4 != 3])
val = torch.cat([b for i, b in enumerate(blocks) if i % 4 == 3])
print(len(chars), "characters,", len(train), "training windows,", len(val), "validation windows")


class CharModel(nn.Module):
    def __init__(self, vocab, dim=16, hidden=128):
        super().__init__()
        self.embedding = nn.Embedding(vocab, dim)
        self.fc1 = nn.Linear(CONTEXT * dim, hidden)
        self.fc2 = nn.Linear(hidden, vocab)

    def forward(self, ctx):
        e = self.embedding(ctx).flatten(1)
        return self.fc2(torch.relu(self.fc1(e)))


model = CharModel(len(chars))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)

for epoch in range(EPOCHS):
    model.train()
    running = 0.0
    batches = torch.randperm(len(train)).split(128)
    for rows in batches:
        w = train[rows]
        optimizer.zero_grad()
        loss = F.cross_entropy(model(w[:, :-1]), w[:, -1])
        loss.backward()
        optimizer.step()
        running += loss.item() / len(batches)
    model.eval()
    with torch.no_grad():
        val_loss = F.cross_entropy(model(val[:, :-1]), val[:, -1]).item()
    print(f"epoch {epoch + 1:3d}: train loss {running:.4f}, val loss {val_loss:.4f}")
