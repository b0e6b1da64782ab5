"""Character language model on the data set descriptions that ship with scikit-learn."""
import torch
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine
from torch import nn

torch.manual_seed(0)

texts = [f().DESCR.lower() for f in (load_iris, load_wine, load_diabetes, load_breast_cancer)]
chars = sorted(set("".join(texts)))
stoi = {c: i for i, c in enumerate(chars)}
encoded = [torch.tensor([stoi[c] for c in t]) for t in texts]
# the middle of every text is kept for validation
train_ids = torch.cat([torch.cat([e[:len(e) // 2], e[len(e) // 2 + 300:]]) for e in encoded])
val_ids = torch.cat([e[len(e) // 2:len(e) // 2 + 300] for e in encoded])

BPTT, BATCH = 35, 16


def batchify(data):
    n = len(data) // BATCH
    return data[:n * BATCH].view(BATCH, n)


class CharRNN(nn.Module):
    def __init__(self, vocab, emb=24, hidden=96):
        super().__init__()
        self.emb = nn.Embedding(vocab, emb)
        self.rnn = nn.RNN(emb, hidden, nonlinearity="relu", batch_first=True)
        self.out = nn.Linear(hidden, vocab)
        nn.init.eye_(self.rnn.weight_hh_l0)

    def forward(self, x, h=None):
        z, h = self.rnn(self.emb(x), h)
        return self.out(z), h


model = CharRNN(len(chars))
optimizer = torch.optim.SGD(model.parameters(), lr=0.2)
criterion = nn.CrossEntropyLoss()
train_data, val_data = batchify(train_ids), batchify(val_ids)


def run(data, training):
    model.train(training)
    total, count, h = 0.0, 0, None
    for i in range(0, data.size(1) - 1, BPTT):
        x = data[:, i:i + BPTT]
        y = data[:, i + 1:i + 1 + BPTT]
        x = x[:, :y.size(1)]
        with torch.set_grad_enabled(training):
            logits, h = model(x, h)
            h = h.detach()
            loss = criterion(logits.reshape(-1, len(chars)), y.reshape(-1))
        if training:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        total += loss.item() * y.numel()
        count += y.numel()
    return total / count


for epoch in range(20):
    train_loss = run(train_data, True)
    val_loss = run(val_data, False)
    print(f"epoch {epoch + 1:2d} | train {train_loss:.3f} | val {val_loss:.3f}")
print(f"final val loss {val_loss:.3f}")
