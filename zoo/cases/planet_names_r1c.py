# Guess the planet of origin from a name, one character at a time.
import numpy as np
import torch
import torch.nn as nn

rng = np.random.default_rng(11)
torch.manual_seed(11)

SYLLABLES = {
    "Arrakeen": "mua dib sha hu lud ka ben ges rit sar da far ok",
    "Belter": "ke lo wa be ra ta pa mang sa sa ya na kow ma li",
    "Corellian": "han so lo ne ra wed ge an til les co ran bel ib",
    "Drell": "tha ne kri os fe ron kol yat sho di jun ira",
    "Elvish": "ela ri el gal ad ri thir an wen lo ri fin dur",
    "Ferengi": "qu ark ro m no g bru nt ze k gri lka ish ka",
    "Gungan": "jar ja r bin ks bo ss na ss ta rp als yoss",
    "Hutt": "jab ba zi ro gar dul la bor vo bes adi ic",
}
planets = sorted(SYLLABLES)
alphabet = "abcdefghijklmnopqrstuvwxyz"


def make_name(planet):
    parts = SYLLABLES[planet].split()
    return "".join(rng.choice(parts) for _ in range(rng.integers(2, 5)))[:12]


names, labels = [], []
for _ in range(2400):
    k = int(rng.integers(len(planets)))
    names.append(make_name(planets[k]))
    labels.append(k)


def to_tensor(batch):
    out = torch.zeros(len(batch), 12, dtype=torch.long)
    for i, name in enumerate(batch):
        for j, ch in enumerate(name):
            out[i, j] = alphabet.index(ch) + 1
    lengths = torch.tensor([len(n) for n in batch])
    return out, lengths


class NameRNN(nn.Module):
    def __init__(self, n_hidden, n_out):
        super().__init__()
        self.embed = nn.Embedding(len(alphabet) + 1, 16, padding_idx=0)
        self.rnn = nn.GRU(16, n_hidden, batch_first=True)
        self.h2o = nn.Linear(n_hidden, n_out)
        self.softmax = nn.Softmax(dim=1)

    def forward(self, chars, lengths):
        states, _ = self.rnn(self.embed(chars))
        last = states[torch.arange(len(chars)), lengths - 1]
        return self.softmax(self.h2o(last))


x, n = to_tensor(names)
y = torch.tensor(labels)
train = slice(0, 2000)
x_train, n_train, y_train = x[train], n[train], y[train]
x_test, n_test, y_test = x[2000:], n[2000:], y[2000:]

rnn = NameRNN(48, len(planets))
criterion = nn.NLLLoss()
optimizer = torch.optim.SGD(rnn.parameters(), lr=0.02, momentum=0.9)

for epoch in range(14):
    rnn.train()
    current = 0.0
    idx = torch.randperm(2000)
    for start in range(0, 2000, 40):
        b = idx[start:start + 40]
        rnn.zero_grad()
        loss = criterion(rnn(x_train[b], n_train[b]), y_train[b])
        loss.backward()
        optimizer.step()
        current += loss.item() / 50
    rnn.eval()
    with torch.no_grad():
        guess = rnn(x_test, n_test).argmax(dim=1)
    print("epoch", epoch, "loss", round(current, 4), "test accuracy", round((guess == y_test).float().mean().item(), 4))
