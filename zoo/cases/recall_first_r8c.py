# Tokens come one by one; the answer is the symbol the sequence opened with.
import torch
import torch.nn as nn

torch.manual_seed(21)

N_SYMBOLS = 4       # possible openings
N_FILL = 6          # filler tokens
LENGTH = 40
BATCH = 64
STEPS = 600


def batch(n):
    first = torch.randint(0, N_SYMBOLS, (n,))
    fill = torch.randint(N_SYMBOLS, N_SYMBOLS + N_FILL, (n, LENGTH - 1))
    return torch.cat([first[:, None], fill], dim=1), first


class Recaller(nn.Module):
    def __init__(self, emb=12, hidden=32):
        super().__init__()
        self.emb = nn.Embedding(N_SYMBOLS + N_FILL, emb)
        self.rnn = nn.RNN(emb, hidden, batch_first=True)
        self.head = nn.Linear(hidden, N_SYMBOLS)

    def forward(self, tokens):
        states, _ = self.rnn(self.emb(tokens))
        return self.head(states[:, -1])


model = Recaller()
opt = torch.optim.Adam(model.parameters(), lr=5e-3)
ce = nn.CrossEntropyLoss()

for step in range(1, STEPS + 1):
    tokens, target = batch(BATCH)
    loss = ce(model(tokens), target)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 100 == 0:
        print("step", step, "loss", round(loss.item(), 4))

model.eval()
with torch.no_grad():
    tokens, target = batch(2000)
    accuracy = (model(tokens).argmax(-1) == target).float().mean().item()
print(f"recall accuracy = {accuracy:.3f}")
