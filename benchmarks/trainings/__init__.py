"""The trainings whose watching is measured: plain PyTorch, as a user writes it.

Each module has `build()`, which returns a `Training`. Its `step` does what one turn of a user's
loop does, and leaves the gradients in place, so that peers can look at them afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn, optim


@dataclass(frozen=True)
class Training:
    """A training that goes on step by step."""

    model: nn.Module
    optimizer: optim.Optimizer
    step: Callable[[], Tensor]
