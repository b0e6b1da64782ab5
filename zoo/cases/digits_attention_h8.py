import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader
from sklearn.datasets import load_digits


class DigitRows(Dataset):
    """Each image is a sequence of 8 rows with 8 pixels."""

    def __init__(self, train=True):
        d = load_digits()
        gen = torch.Generator().manual_seed(99)
        order = torch.randperm(len(d.target), generator=gen)
        part = order[400:] if train else order[:400]
        self.x = torch.tensor(d.images / 8.0 - 1.0, dtype=torch.float32)[part]
        self.y = torch.tensor(d.target)[part]

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


class RowTransformer(nn.Module):
    def __init__(self, d_model=32, heads=4, layers=2):
        super().__init__()
        self.embed = nn.Linear(8, d_model)
        self.cls = nn.Parameter(torch.randn(1, 1, d_model) * 0.02)
        self.pos = nn.Parameter(torch.randn(1, 9, d_model) * 0.02)
        enc = nn.TransformerEncoderLayer(d_model, heads, dim_feedforward=64, dropout=0.1,
                                         activation="gelu", batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(enc, layers, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(d_model)
        self.head = nn.Linear(d_model, 10)

    def forward(self, x):
        x = self.embed(x)
        x = torch.cat([self.cls.expand(len(x), -1, -1), x], 1) + self.pos
        return self.head(self.norm(self.encoder(x)[:, 0]))


def train_one_epoch(model, loader, optimizer, scheduler, loss_fn):
    model.train()
    total = 0
    for x, y in loader:
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        scheduler.step()
        total += loss.item()
    return total / len(loader)


@torch.no_grad()
def evaluate(model, loader, loss_fn):
    model.eval()
    loss = hits = n = 0
    for x, y in loader:
        out = model(x)
        loss += loss_fn(out, y).item() * len(y)
        hits += (out.argmax(-1) == y).sum().item()
        n += len(y)
    return loss / n, hits / n


if __name__ == "__main__":
    torch.manual_seed(17)
    train_loader = DataLoader(DigitRows(True), batch_size=64, shuffle=True)
    test_loader = DataLoader(DigitRows(False), batch_size=200)
    model = RowTransformer()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
    epochs = 10
    total_steps = epochs * len(train_loader)
    # linear warm-up over 10 % of the steps, then linear down
    scheduler = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda s: min((s + 1) / (0.1 * total_steps), max(0.0, (total_steps - s) / (0.9 * total_steps))))
    loss_fn = nn.CrossEntropyLoss()
    for epoch in range(epochs):
        tr = train_one_epoch(model, train_loader, optimizer, scheduler, loss_fn)
        va, acc = evaluate(model, test_loader, loss_fn)
        print(f"epoch {epoch}: train {tr:.3f}, valid {va:.3f}, accuracy {acc:.3f}")
    print(f"test accuracy: {acc:.3f}")
