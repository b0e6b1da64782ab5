from dataclasses import dataclass

import numpy as np
import torch
import torch.nn as nn


@dataclass
class Config:
    residues: str = "ACDEFGHIKLMNPQRSTVWY"
    motifs: tuple = ("CDHKM", "WPGYC", "RSTED", "FLNQW")
    length: int = 16
    d_model: int = 32
    heads: int = 4
    layers: int = 2
    batch: int = 48
    steps: int = 300
    warmup: int = 30
    peak_lr: float = 3e-3


cfg = Config()
torch.manual_seed(40)
rng = np.random.default_rng(40)


def peptides(n):
    """Random chains, each with one family's motif somewhere inside."""
    chains = rng.integers(0, len(cfg.residues), (n, cfg.length))
    family = rng.integers(0, len(cfg.motifs), n)
    for chain, f in zip(chains, family):
        at = rng.integers(0, cfg.length - 4)
        chain[at:at + 5] = [cfg.residues.index(letter) for letter in cfg.motifs[f]]
    return torch.from_numpy(chains), torch.from_numpy(family)


class FamilyEncoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.token = nn.Embedding(len(cfg.residues), cfg.d_model)
        self.place = nn.Parameter(0.02 * torch.randn(cfg.length, cfg.d_model))
        layer = nn.TransformerEncoderLayer(
            cfg.d_model, cfg.heads, dim_feedforward=64, dropout=0.0, batch_first=True, norm_first=True, activation="gelu")
        self.encoder = nn.TransformerEncoder(layer, cfg.layers, norm=nn.LayerNorm(cfg.d_model), enable_nested_tensor=False)
        self.head = nn.Linear(cfg.d_model, len(cfg.motifs))

    def forward(self, chain):
        return self.head(self.encoder(self.token(chain) + self.place).mean(dim=1))


def rate(step):
    if step < cfg.warmup:
        return (step + 1) / cfg.warmup
    return (cfg.steps - step) / (cfg.steps - cfg.warmup)


chains, family = peptides(10000)
val_chains, val_family = peptides(600)
model = FamilyEncoder()
optimizer = torch.optim.AdamW(model.parameters(), lr=cfg.peak_lr, weight_decay=0.01)
schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
cross_entropy = nn.CrossEntropyLoss()

recent = []
for step in range(cfg.steps):
    rows = torch.randint(len(chains), (cfg.batch,))
    loss = cross_entropy(model(chains[rows]), family[rows])
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    schedule.step()
    recent.append(loss.item())
    if (step + 1) % 50 == 0:
        model.eval()
        with torch.no_grad():
            logits = model(val_chains)
        model.train()
        print(f"step {step + 1:4d}  lr {schedule.get_last_lr()[0]:.2e}  train {np.mean(recent):.3f}"
              f"  val {cross_entropy(logits, val_family).item():.3f}")
        recent.clear()

print(f"family accuracy {(logits.argmax(-1) == val_family).float().mean().item():.3f}")
