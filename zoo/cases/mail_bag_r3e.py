"""Sort short mails into advertising and private ones with an embedding bag."""
import numpy as np
import torch
from torch import nn

ADVERT = "offer discount prize winner click free cash deal sale bonus order now limited voucher credit cheap".split()
PRIVATE = "meeting dinner grandma holiday photos thanks school garden weekend birthday doctor train notes kids call soon".split()
COMMON = ("the a you your we for to on in and is are this that with today tomorrow please new best week day "
          "time home get see all our here more from next have will").split()
VOCAB = {word: i for i, word in enumerate(ADVERT + PRIVATE + COMMON)}


def write_mail(label, rng):
    own, other = (ADVERT, PRIVATE) if label else (PRIVATE, ADVERT)
    length = rng.integers(8, 20)
    kinds = rng.choice(3, size=length, p=[0.36, 0.03, 0.61])
    return [VOCAB[str(rng.choice((own, other, COMMON)[kind]))] for kind in kinds]


def collate(mails):
    flat = torch.tensor([word for mail in mails for word in mail])
    offsets = torch.tensor([0] + [len(mail) for mail in mails[:-1]]).cumsum(0)
    return flat, offsets


class MailNet(nn.Module):
    def __init__(self, dim=24):
        super().__init__()
        self.bag = nn.EmbeddingBag(len(VOCAB), dim, mode="sum")
        self.hidden = nn.Linear(dim, 32)
        self.score = nn.Linear(32, 1)

    def forward(self, flat, offsets):
        h = torch.relu(self.hidden(self.bag(flat, offsets)))
        return torch.sigmoid(self.score(h)).squeeze(1)


def bce(p, y, eps=1e-8):
    p = torch.clamp(p, eps, 1 - eps)
    return -(y * torch.log(p) + (1 - y) * torch.log(1 - p)).mean()


rng = np.random.default_rng(3)
torch.manual_seed(3)
labels = rng.integers(0, 2, size=2000)
mails = [write_mail(label, rng) for label in labels]
y = torch.tensor(labels, dtype=torch.float32)
n_train = 1500

model = MailNet()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)

for epoch in range(1, 15):
    order = rng.permutation(n_train)
    losses = []
    for start in range(0, n_train, 50):
        rows = order[start:start + 50]
        p = model(*collate([mails[i] for i in rows]))
        loss = bce(p, y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        p = model(*collate(mails[n_train:]))
    correct = ((p > 0.5) == (y[n_train:] > 0.5)).float().mean().item()
    print(f"epoch {epoch:2d} | loss {np.mean(losses):.5f} | test accuracy {correct:.3f}")

print(f"done, test accuracy = {correct:.3f}")
