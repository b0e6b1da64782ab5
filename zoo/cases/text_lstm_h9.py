import torch
import torch.nn as nn
from sklearn.datasets import load_diabetes, load_digits, load_linnerud, load_wine

torch.manual_seed(42)

corpus = " ".join(ld().DESCR for ld in [load_wine, load_digits, load_linnerud, load_diabetes])
corpus = " ".join(corpus.lower().split())
vocab = sorted(set(corpus))
ids = torch.tensor([vocab.index(c) for c in corpus])

T = 24
windows = ids[: (len(ids) - 1) // T * T].view(-1, T)
targets = ids[1: (len(ids) - 1) // T * T + 1].view(-1, T)
perm = torch.randperm(len(windows))
val, train = perm[:40], perm[40:]
print(len(corpus), "characters,", len(vocab), "different,", len(train), "training windows")


class CharLSTM(nn.Module):
    def __init__(self, n, emb=24, hid=64):
        super().__init__()
        self.emb = nn.Embedding(n, emb)
        self.lstm = nn.LSTM(emb, hid, batch_first=True)
        self.fc = nn.Linear(hid, n)

    def forward(self, x):
        out, _ = self.lstm(self.emb(x))
        return self.fc(out)


model = CharLSTM(len(vocab))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.005)

for epoch in range(14):
    model.train()
    total = 0
    batches = train[torch.randperm(len(train))].split(16)
    for b in batches:
        optimizer.zero_grad()
        logits = model(windows[b])
        loss = criterion(logits.transpose(1, 2), targets[b])
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), max_norm=0.5)
        optimizer.step()
        total += loss.item()
    model.eval()
    with torch.no_grad():
        v = criterion(model(windows[val]).transpose(1, 2), targets[val]).item()
    print(f"epoch {epoch} train {total / len(batches):.3f} val {v:.3f}")

print(f"final val loss {v:.3f}")
