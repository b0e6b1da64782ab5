"""Next-letter model over the dataset descriptions; input and output embeddings are shared."""
import re
import torch
from torch import nn
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_linnerud, load_wine

torch.manual_seed(18)

text = " ".join(f().DESCR for f in (load_breast_cancer, load_iris, load_wine, load_digits, load_diabetes, load_linnerud))
text = re.sub(r"[^a-z]+", " ", text.lower())[:12000]
letters = sorted(set(text))
ids = torch.tensor([letters.index(c) for c in text])
context = 5
x = ids.unfold(0, context + 1, 1)
perm = torch.randperm(len(x))
x_train, x_val = x[perm[400:]], x[perm[:400]]


class NextLetter(nn.Module):
    def __init__(self, n, dim=48):
        super().__init__()
        self.embed = nn.Embedding(n, dim)
        nn.init.normal_(self.embed.weight, std=dim ** -0.5)
        self.drop = nn.Dropout(0.2)
        self.mix = nn.Linear(context * dim, dim)
        self.norm = nn.LayerNorm(dim)
        self.decoder = nn.Linear(dim, n)
        self.decoder.weight = self.embed.weight

    def forward(self, ctx):
        h = self.drop(self.embed(ctx).flatten(1))
        h = self.norm(torch.tanh(self.mix(h)))
        return self.decoder(self.drop(h))


net = NextLetter(len(letters))
loss_fn = nn.CrossEntropyLoss()
opt = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=0.05)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, T_max=10)
for epoch in range(10):
    net.train()
    total = 0
    for b in torch.randperm(len(x_train)).split(128):
        batch = x_train[b]
        loss = loss_fn(net(batch[:, :-1]), batch[:, -1])
        opt.zero_grad()
        loss.backward()
        opt.step()
        total += loss.item() * len(b)
    sched.step()
    net.eval()
    with torch.no_grad():
        val = loss_fn(net(x_val[:, :-1]), x_val[:, -1]).item()
    print(f"epoch {epoch + 1}: train {total / len(x_train):.3f} val {val:.3f}")
unigram = torch.bincount(ids, minlength=len(letters)).float() / len(ids)
base = -unigram[x_val[:, -1]].log().mean().item()
print(f"final val loss {val:.3f}, unigram model {base:.3f}")
print(f"gain over unigram: {base - val:.3f}")
