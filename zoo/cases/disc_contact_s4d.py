import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(4)


def sample_discs(n):
    """Two discs in the unit square: (x, y, radius) each; label 1 when they touch."""
    centres = torch.rand(n, 4)
    radii = 0.1 + 0.3 * torch.rand(n, 2)
    gap = (centres[:, :2] - centres[:, 2:]).norm(dim=1)
    touch = (gap < radii.sum(1)).float()
    rows = torch.cat([(centres - 0.5) / 0.29, (radii - 0.25) / 0.087], dim=1)
    return rows, touch.unsqueeze(1)


class ContactModel(nn.Module):
    def __init__(self, widths=(6, 64, 64, 32)):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(a, b) for a, b in zip(widths[:-1], widths[1:])])
        self.head = nn.Linear(widths[-1], 1)

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return self.head(x)


class Trainer:
    def __init__(self, model, lr=2e-3):
        self.model = model
        self.criterion = nn.BCEWithLogitsLoss()
        self.optimizer = torch.optim.RMSprop(model.parameters(), lr=lr)
        self.scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, T_max=25)

    def train_epoch(self, loader):
        self.model.train()
        losses = []
        for rows, touch in loader:
            self.optimizer.zero_grad(set_to_none=True)
            loss = self.criterion(self.model(rows), touch)
            loss.backward()
            self.optimizer.step()
            losses.append(loss.item())
        self.scheduler.step()
        return sum(losses) / len(losses)

    @torch.no_grad()
    def evaluate(self, rows, touch):
        self.model.eval()
        logits = self.model(rows)
        return self.criterion(logits, touch).item(), ((logits > 0) == (touch > 0.5)).float().mean().item()


train_loader = DataLoader(TensorDataset(*sample_discs(3000)), batch_size=64, shuffle=True)
valid = sample_discs(1000)
trainer = Trainer(ContactModel())
for epoch in range(25):
    train_loss = trainer.train_epoch(train_loader)
    valid_loss, valid_acc = trainer.evaluate(*valid)
    print(f"epoch={epoch} train_loss={train_loss:.4f} valid_loss={valid_loss:.4f} valid_acc={valid_acc:.4f}")
print("final accuracy", round(valid_acc, 4))
