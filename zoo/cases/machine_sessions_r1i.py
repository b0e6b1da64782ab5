import math

import torch
import torch.nn as nn
import torch.nn.functional as F

# Log classification: each session is a sequence of 20 event codes. Codes 1-4 are the
# alarms of four machines; the session belongs to the machine whose alarm came first.
torch.manual_seed(17)

LENGTH, CODES, MACHINES = 20, 24, 4


def sessions(count):
    events = torch.randint(MACHINES + 1, CODES, (count, LENGTH))
    spots = torch.rand(count, LENGTH).argsort(dim=1)[:, :3]
    events.scatter_(1, spots, torch.randint(1, MACHINES + 1, (count, 3)))
    alarm = (events <= MACHINES).float()
    first = alarm.argmax(dim=1)
    return events, events[torch.arange(count), first] - 1


class SessionClassifier(nn.Module):
    def __init__(self, dim=32, heads=4, blocks=2):
        super().__init__()
        self.token = nn.Embedding(CODES, dim)
        self.position = nn.Parameter(torch.randn(1, LENGTH, dim) * 0.5)
        layer = nn.TransformerEncoderLayer(dim, heads, dim_feedforward=64, dropout=0.0,
                                           batch_first=True, norm_first=True, activation="gelu")
        self.encoder = nn.TransformerEncoder(layer, blocks, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, MACHINES)

    def forward(self, events):
        h = self.encoder(self.token(events) + self.position)
        return self.head(self.norm(h).mean(dim=1))


x_train, y_train = sessions(12000)
x_test, y_test = sessions(1000)

model = SessionClassifier()
steps, warmup, batch_size = 420, 40, 64
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)


def factor(step):
    if step < warmup:
        return (step + 1) / warmup
    return 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup)))


schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)

order = torch.randperm(len(x_train))
cursor = 0
for step in range(1, steps + 1):
    if cursor + batch_size > len(order):
        order, cursor = torch.randperm(len(x_train)), 0
    rows = order[cursor:cursor + batch_size]
    cursor += batch_size
    loss = F.cross_entropy(model(x_train[rows]), y_train[rows])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    schedule.step()
    if step % 60 == 0:
        model.eval()
        with torch.no_grad():
            logits = model(x_test)
            print(f"step {step:4d} lr {schedule.get_last_lr()[0]:.5f} loss {loss.item():.4f} "
                  f"test loss {F.cross_entropy(logits, y_test).item():.4f} "
                  f"test acc {(logits.argmax(-1) == y_test).float().mean().item():.4f}")
        model.train()
