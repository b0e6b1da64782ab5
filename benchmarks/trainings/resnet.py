"""A small ResNet on images of 24 x 24."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor, nn

from trainings import Training


class Block(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.short = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.short = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(out)) + self.short(x))


def build() -> Training:
    torch.manual_seed(0)
    inputs = torch.randn(512, 3, 24, 24)
    targets = torch.randint(0, 10, (512,))
    model = nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        *(Block(16, 16, 1) for _ in range(3)),
        *(Block(16 if number == 0 else 32, 32, 2 if number == 0 else 1) for number in range(3)),
        *(Block(32 if number == 0 else 64, 64, 2 if number == 0 else 1) for number in range(3)),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(64, 10),
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
    criterion = nn.CrossEntropyLoss()

    def step() -> Tensor:
        rows = torch.randint(0, 512, (16,))
        optimizer.zero_grad()
        loss = criterion(model(inputs[rows]), targets[rows])
        loss.backward()
        optimizer.step()
        return loss

    return Training(model, optimizer, step)
