import numpy as np
import torch
import torch.nn as nn

torch.manual_seed(17)
rng = np.random.default_rng(17)

# --------------------------------------------------------------------------
# Field notes. Every genus has its own habit of words, most words are shared.
# --------------------------------------------------------------------------
GENERA = ["amanita", "boletus", "russula"]
TELLING = {
    "amanita": "ring volva warts white gills veil sac scarlet".split(),
    "boletus": "pores sponge tubes stout brown net blue olive".split(),
    "russula": "brittle chalky crisp peeling pink peppery fragile flat".split(),
}
COMMON = """cap stem smell wet moss under oak birch pine path slope rain morning old young small large
group single soil leaf near stream edge wood dark pale soft firm dry slug eaten found again photo
basket north south shade sun grass log stump root needle beech hazel fern late early autumn summer
cold warm sticky smooth cut turned spore print taste mild ridge valley bridge fence meadow""".split()
VOCAB = {w: i for i, w in enumerate(sorted(set(COMMON).union(*TELLING.values())))}


def note(kind):
    words = []
    for _ in range(int(rng.integers(10, 16))):
        r = rng.random()
        if r < 0.13:
            words.append(rng.choice(TELLING[GENERA[kind]]))
        elif r < 0.19:
            words.append(rng.choice(TELLING[GENERA[int(rng.integers(3))]]))
        else:
            words.append(rng.choice(COMMON))
    return " ".join(words)


def build(n):
    kinds = rng.integers(0, 3, n)
    x = torch.zeros(n, len(VOCAB))
    for row, kind in enumerate(kinds):
        for word in note(int(kind)).split():
            x[row, VOCAB[word]] += 1
    return x, torch.tensor(kinds)


class NoteClassifier(nn.Module):
    def __init__(self, vocab, hidden=128, dropout=0.0):
        super().__init__()
        self.hidden = nn.Linear(vocab, hidden)
        self.middle = nn.Linear(hidden, hidden)
        self.out = nn.Linear(hidden, 3)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        h = self.dropout(torch.relu(self.hidden(x)))
        h = self.dropout(torch.relu(self.middle(h)))
        return self.out(h)


class Trainer:
    def __init__(self, model, lr, weight_decay, batch_size):
        self.model = model
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=weight_decay)
        self.loss = nn.CrossEntropyLoss()
        self.batch_size = batch_size

    def run_epoch(self, x, y):
        self.model.train()
        total = 0.0
        for idx in torch.randperm(len(x)).split(self.batch_size):
            self.optimizer.zero_grad()
            loss = self.loss(self.model(x[idx]), y[idx])
            loss.backward()
            self.optimizer.step()
            total += loss.item() * len(idx)
        return total / len(x)

    @torch.no_grad()
    def evaluate(self, x, y):
        self.model.eval()
        out = self.model(x)
        return self.loss(out, y).item(), (out.argmax(1) == y).float().mean().item()

    def fit(self, train, val, epochs):
        for epoch in range(1, epochs + 1):
            train_loss = self.run_epoch(*train)
            val_loss, val_acc = self.evaluate(*val)
            if epoch % max(1, epochs // 15) == 0:
                print(f"epoch {epoch:3d}  train {train_loss:.4f}  val {val_loss:.4f}  val acc {val_acc:.3f}")


if __name__ == "__main__":
    train, val = build(240), build(600)
    trainer = Trainer(NoteClassifier(len(VOCAB)), lr=1e-3, weight_decay=0.0, batch_size=24)
    trainer.fit(train, val, epochs=120)
    loss, acc = trainer.evaluate(*val)
    print(f"validation: log loss {loss:.3f}, accuracy {acc:.3f}")
