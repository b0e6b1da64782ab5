"""Route support tickets to a team by their words."""
import random

import torch
import torch.nn as nn

random.seed(17)
torch.manual_seed(17)

TEAMS = {
    "billing": "invoice charge refund payment card amount price discount bank receipt vat subscription",
    "delivery": "parcel courier late address package shipped tracking lost door label warehouse arrived",
    "login": "password account email reset code locked username sign verify phone session profile",
    "device": "screen battery charger cable broken noise button light warm case camera speaker",
    "app": "update install version crash menu slow settings freeze download sync android window",
}
COMMON = (
    "hello please i my the you still since yesterday today week again help thanks not cannot why how when "
    "want need have got was is after before new old team support order number waiting answer soon best regards"
).split()
TEAM_NAMES = list(TEAMS)
TEAM_WORDS = {name: words.split() for name, words in TEAMS.items()}
VOCAB = {w: i + 1 for i, w in enumerate(sorted(set(COMMON).union(*TEAM_WORDS.values())))}


def write_ticket():
    team = random.choice(TEAM_NAMES)
    words = []
    for _ in range(random.randint(10, 18)):
        dice = random.random()
        if dice < 0.24:
            words.append(random.choice(TEAM_WORDS[team]))
        elif dice < 0.36:
            words.append(random.choice(TEAM_WORDS[random.choice(TEAM_NAMES)]))
        else:
            words.append(random.choice(COMMON))
    return words, TEAM_NAMES.index(team)


def encode(words, length=18):
    ids = [VOCAB[w] for w in words]
    return ids + [0] * (length - len(ids))


tickets = [write_ticket() for _ in range(3000)]
ids = torch.tensor([encode(words) for words, _ in tickets])
team = torch.tensor([label for _, label in tickets])
train_ids, train_team = ids[:2400], team[:2400]
test_ids, test_team = ids[2400:], team[2400:]


class Router(nn.Module):
    def __init__(self, dim=32, heads=4):
        super().__init__()
        self.words = nn.Embedding(len(VOCAB) + 1, dim)
        self.place = nn.Parameter(0.02 * torch.randn(18, dim))
        layer = nn.TransformerEncoderLayer(dim, heads, dim_feedforward=64, dropout=0.0, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, num_layers=2, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(dim)
        self.fc = nn.Linear(dim, len(TEAMS))

    def forward(self, ids):
        padding = ids == 0
        h = self.encoder(self.words(ids) + self.place, src_key_padding_mask=padding)
        keep = (~padding).unsqueeze(-1)
        h = (h * keep).sum(1) / keep.sum(1)
        return self.fc(self.norm(h))


router = Router()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(router.parameters(), lr=1e-3)
optimizer.zero_grad()

for epoch in range(9):
    router.train()
    epoch_loss, n_batches = 0.0, 0
    for batch in torch.randperm(len(train_ids)).split(40):
        loss = criterion(router(train_ids[batch]), train_team[batch])
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item()
        n_batches += 1

    router.eval()
    with torch.no_grad():
        predicted = router(test_ids).argmax(1)
    right = (predicted == test_team).float().mean().item()
    print(f"epoch {epoch + 1:>2}/9 - loss {epoch_loss / n_batches:.3f} - routed correctly {right:.1%}")

print("share of test tickets routed correctly:", f"{right:.3f}")
