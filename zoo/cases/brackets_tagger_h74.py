"""Tag every bracket of a random string with its nesting depth (0-4); strings have different lengths."""
import random
import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence, pack_padded_sequence, pad_packed_sequence

random.seed(77)
torch.manual_seed(77)
PAD, IGNORE = 0, -100


def sample():
    depth, tokens, tags = 0, [], []
    for _ in range(random.randint(4, 20)):
        opening = depth == 0 or (depth < 4 and random.random() < 0.5)
        if opening:
            depth += 1
        tokens.append(1 if opening else 2)
        tags.append(depth)
        if not opening:
            depth -= 1
    return torch.tensor(tokens), torch.tensor(tags)


def collate(batch):
    x, y = zip(*batch)
    return pad_sequence(x, True, PAD), pad_sequence(y, True, IGNORE), torch.tensor([len(s) for s in x])


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(3, 8, padding_idx=PAD)
        self.rnn = nn.LSTM(8, 32, batch_first=True)
        self.out = nn.Linear(32, 5)

    def forward(self, x, lengths):
        packed = pack_padded_sequence(self.emb(x), lengths, batch_first=True, enforce_sorted=False)
        h, _ = pad_packed_sequence(self.rnn(packed)[0], batch_first=True)
        return self.out(h)


train, test = [sample() for _ in range(1200)], [sample() for _ in range(200)]
loader = torch.utils.data.DataLoader(train, batch_size=32, shuffle=True, collate_fn=collate)
model = Tagger()
criterion = nn.CrossEntropyLoss(ignore_index=IGNORE)
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(8):
    for x, y, n in loader:
        loss = criterion(model(x, n).flatten(0, 1), y.flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_value_(model.parameters(), 0.5)
        optimizer.step()
    with torch.no_grad():
        x, y, n = collate(test)
        pred = model(x, n).argmax(-1)
        mask = y != IGNORE
        acc = (pred[mask] == y[mask]).float().mean().item()
    print(f"epoch {epoch + 1}: loss {loss.item():.4f} token accuracy {acc:.4f}")
print(f"test accuracy: {acc:.4f}")
