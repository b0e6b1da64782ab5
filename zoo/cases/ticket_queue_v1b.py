# Which of four teams should get a support ticket? Bag of words -> embedding -> MLP.
import numpy as np
import torch
from torch import nn

cfg = dict(vocab=1500, length=30, n_train=700, n_val=700, dim=64, hidden=128, lr=4e-3, epochs=35, batch=32,
           dropout=0.0)

torch.manual_seed(5)
rng = np.random.default_rng(5)

# word frequencies: a common background and, per team, some favourite words
background = 1.0 / np.arange(2, cfg["vocab"] + 2)
background /= background.sum()
teams = ["billing", "network", "hardware", "accounts"]
profiles = []
for _ in teams:
    liked = rng.choice(cfg["vocab"], 200, replace=False)
    profile = np.zeros(cfg["vocab"])
    profile[liked] = rng.random(200)
    profiles.append(0.75 * background + 0.25 * profile / profile.sum())


def write_tickets(n):
    team = rng.integers(0, len(teams), n)
    words = np.stack([rng.choice(cfg["vocab"], cfg["length"], p=profiles[t]) for t in team])
    wrong = rng.random(n) < 0.2
    team = np.where(wrong, rng.integers(0, len(teams), n), team)
    return torch.from_numpy(words), torch.from_numpy(team)


words_tr, team_tr = write_tickets(cfg["n_train"])
words_va, team_va = write_tickets(cfg["n_val"])

model = nn.Sequential(
    nn.EmbeddingBag(cfg["vocab"], cfg["dim"], mode="mean"),
    nn.Dropout(cfg["dropout"]),
    nn.Linear(cfg["dim"], cfg["hidden"]),
    nn.ReLU(),
    nn.Dropout(cfg["dropout"]),
    nn.Linear(cfg["hidden"], len(teams)),
)
opt = torch.optim.Adam(model.parameters(), lr=cfg["lr"])
criterion = nn.CrossEntropyLoss()

history = {"train": [], "val": []}
for epoch in range(cfg["epochs"]):
    model.train()
    losses = []
    for rows in torch.randperm(cfg["n_train"]).split(cfg["batch"]):
        opt.zero_grad()
        loss = criterion(model(words_tr[rows]), team_tr[rows])
        loss.backward()
        opt.step()
        losses.append(loss.item())
    model.eval()
    with torch.inference_mode():
        logits = model(words_va)
        val_loss = criterion(logits, team_va).item()
        val_acc = (logits.argmax(1) == team_va).float().mean().item()
    history["train"].append(sum(losses) / len(losses))
    history["val"].append(val_loss)
    if epoch % 5 == 4:
        print(f"[{epoch + 1}] loss {history['train'][-1]:.4f} | val loss {val_loss:.4f} | val acc {val_acc:.4f}")

print(f"val loss at the end {history['val'][-1]:.4f}, accuracy {val_acc:.4f}")
