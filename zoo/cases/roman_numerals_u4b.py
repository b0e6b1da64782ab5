"""Read Roman numerals: a small transformer maps MCMXCIV to the digits 1 9 9 4."""
import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=2e-5)
parser.add_argument("--batch-size", type=int, default=64)
parser.add_argument("--epochs", type=int, default=7)
parser.add_argument("--d-model", type=int, default=48)
args = parser.parse_args()

torch.manual_seed(1994)

PAD, LETTERS = 0, "IVXLCDM"
PIECES = [(1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"),
          (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")]


def to_roman(number):
    text = ""
    for value, piece in PIECES:
        while number >= value:
            text += piece
            number -= value
    return text


numbers = list(range(1, 4000))
texts = [to_roman(n) for n in numbers]
longest = max(map(len, texts))
tokens = torch.tensor([[LETTERS.index(c) + 1 for c in t] + [PAD] * (longest - len(t)) for t in texts])
digits = torch.tensor([[n // 1000, n // 100 % 10, n // 10 % 10, n % 10] for n in numbers])

order = torch.randperm(len(numbers))
train, test = order[:3200], order[3200:]


class Reader(nn.Module):
    def __init__(self, d, heads=4):
        super().__init__()
        self.symbol = nn.Embedding(len(LETTERS) + 1, d, padding_idx=PAD)
        self.place = nn.Embedding(longest, d)
        layer = nn.TransformerEncoderLayer(d, heads, 2 * d, dropout=0.0, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(d)
        self.heads = nn.Linear(d, 40)

    def forward(self, t):
        pad = t == PAD
        h = self.symbol(t) + self.place(torch.arange(t.shape[1]))
        h = self.encoder(h, src_key_padding_mask=pad)
        keep = (~pad).unsqueeze(-1).float()
        h = (h * keep).sum(1) / keep.sum(1)
        return self.heads(self.norm(h)).view(-1, 4, 10)


model = Reader(args.d_model)
optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=0.01)
print(sum(p.numel() for p in model.parameters()), "parameters")


@torch.no_grad()
def evaluate():
    model.eval()
    right = model(tokens[test]).argmax(-1) == digits[test]
    return right.float().mean().item(), right.all(1).float().mean().item()


for epoch in range(args.epochs):
    model.train()
    running = 0.0
    for idx in train[torch.randperm(len(train))].split(args.batch_size):
        logits = model(tokens[idx])
        loss = F.cross_entropy(logits.flatten(0, 1), digits[idx].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        running += loss.item() * len(idx)
    per_digit, whole = evaluate()
    print(f"[{epoch + 1}/{args.epochs}] loss={running / len(train):.4f} digits={per_digit:.4f} numerals={whole:.4f}")

print(f"digits read correctly: {evaluate()[0]:.4f}")
