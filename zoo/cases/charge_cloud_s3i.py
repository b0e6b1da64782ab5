import torch
import torch.nn as nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader

torch.manual_seed(41)


def cloud():
    """Between 3 and 10 charged particles around a probe: rows of (x, y, charge)."""
    n = int(torch.randint(3, 11, (1,)))
    where = 2 * torch.rand(n, 2) - 1
    charge = torch.randn(n, 1)
    potential = (charge[:, 0] / torch.sqrt(where.pow(2).sum(1) + 0.3)).sum()
    return torch.cat([where, charge], dim=1), potential


def collate(samples):
    clouds, potentials = zip(*samples)
    lengths = torch.tensor([len(c) for c in clouds])
    padded = pad_sequence(clouds, batch_first=True)
    mask = torch.arange(padded.size(1))[None, :] < lengths[:, None]
    return padded, mask, torch.stack(potentials)


class DeepSet(nn.Module):
    def __init__(self, dim=48):
        super().__init__()
        self.phi = nn.Sequential(nn.Linear(3, dim), nn.GELU(), nn.Linear(dim, dim), nn.GELU(), nn.Linear(dim, dim))
        self.rho = nn.Sequential(nn.Linear(dim, dim), nn.GELU(), nn.Linear(dim, 1))

    def forward(self, particles, mask):
        each = self.phi(particles).masked_fill(~mask.unsqueeze(-1), 0.0)
        return self.rho(each.sum(dim=1) / 3).squeeze(-1)


data = [cloud() for _ in range(3500)]
scale = torch.stack([p for _, p in data[:3000]]).std()
data = [(c, p / scale) for c, p in data]
train_loader = DataLoader(data[:3000], batch_size=50, shuffle=True, collate_fn=collate)
test_loader = DataLoader(data[3000:], batch_size=250, collate_fn=collate)

model = DeepSet()
epochs = 16
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-4)
scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=4e-3, total_steps=epochs * len(train_loader))
criterion = nn.SmoothL1Loss()


def evaluate():
    model.eval()
    with torch.no_grad():
        pairs = [(model(x, m), y) for x, m, y in test_loader]
    guess, truth = (torch.cat(part) for part in zip(*pairs))
    return criterion(guess, truth).item(), 1 - ((guess - truth) ** 2).mean() / truth.var()


for epoch in range(epochs):
    model.train()
    losses = []
    for particles, mask, target in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(particles, mask), target)
        loss.backward()
        optimizer.step()
        scheduler.step()
        losses.append(loss.item())
    test_loss, r2 = evaluate()
    print(f"{epoch + 1:2d}/{epochs}  train {sum(losses) / len(losses):.5f}  test {test_loss:.5f}")

print(f"test R2: {r2:.4f}")
