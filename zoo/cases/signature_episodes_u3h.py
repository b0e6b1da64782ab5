"""Few-shot recognition of pen strokes: embed them so that one writer's strokes lie together.

Every episode draws new writers; a query goes to the writer with the nearest mean embedding.
"""
import math

import torch
from torch import nn

WAYS, SHOTS, QUERIES, POINTS = 8, 3, 6, 32
torch.manual_seed(77)


def writers(count):
    """Fourier coefficients of each writer's typical stroke (x and y)."""
    return torch.randn(count, 2, 4, 2) / torch.arange(1, 5).view(1, 1, 4, 1)


def strokes(coefficients, each):
    """Write every writer's stroke `each` times, with changes of form, size, start and place."""
    t = torch.linspace(0, 2 * math.pi, POINTS)
    own = coefficients.unsqueeze(1) + 0.12 * torch.randn(len(coefficients), each, *coefficients.shape[1:])
    start = 0.6 * torch.randn(len(coefficients), each, 1, 1)
    angle = torch.arange(1, 5).view(1, 1, 4, 1) * (t + start)
    curve = torch.einsum("wexf,weft->wext", own[..., 0], angle.cos()) + torch.einsum("wexf,weft->wext", own[..., 1], angle.sin())
    curve = curve * (1 + 0.15 * torch.randn(len(coefficients), each, 1, 1)) + 0.3 * torch.randn(len(coefficients), each, 2, 1)
    return curve


class Embedder(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.body = nn.Sequential(
            nn.Flatten(), nn.Linear(2 * POINTS, 128), nn.LayerNorm(128), nn.GELU(),
            nn.Linear(128, 128), nn.LayerNorm(128), nn.GELU(), nn.Linear(128, size),
        )

    def forward(self, curve):
        return self.body(curve)


def episode(model):
    curve = strokes(writers(WAYS), SHOTS + QUERIES)
    z = model(curve.flatten(0, 1)).view(WAYS, SHOTS + QUERIES, -1)
    centres = z[:, :SHOTS].mean(1)
    queries = z[:, SHOTS:].flatten(0, 1)
    logits = -torch.cdist(queries, centres).pow(2) / math.sqrt(z.shape[-1])
    labels = torch.arange(WAYS).repeat_interleave(QUERIES)
    return nn.functional.cross_entropy(logits, labels), (logits.argmax(1) == labels).float().mean()


def test(model, rounds=50):
    model.eval()
    with torch.no_grad():
        return torch.stack([episode(model)[1] for _ in range(rounds)]).mean().item()


model = Embedder()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 600)
print(f"before training: {test(model):.3f}")
recent = 0.0
for step in range(1, 601):
    model.train()
    loss, _ = episode(model)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    schedule.step()
    recent += loss.item()
    if step % 100 == 0:
        print(f"step {step:4d}  loss {recent / 100:.4f}  few-shot accuracy {test(model):.3f}")
        recent = 0.0
print(f"few-shot accuracy on new writers: {test(model, 200):.3f}")
