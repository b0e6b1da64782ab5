"""An MLP on a table, with steps of less than a millisecond."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from trainings import Training


def build() -> Training:
    torch.manual_seed(0)
    inputs = torch.randn(4096, 32)
    targets = (inputs[:, :8].sum(1) > inputs[:, 8:16].sum(1)).long()
    model = nn.Sequential(
        nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2)
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    criterion = nn.CrossEntropyLoss()

    def step() -> Tensor:
        rows = torch.randint(0, 4096, (64,))
        optimizer.zero_grad()
        loss = criterion(model(inputs[rows]), targets[rows])
        loss.backward()
        optimizer.step()
        return loss

    return Training(model, optimizer, step)
