"""What a user would use instead: each takes a training and returns what to call after a step."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from trainings import Training

AfterStep = Callable[[Tensor], object]


def bare(training: Training) -> None:
    """Nothing."""


PEERS: dict[str, Callable[[Training], AfterStep | None]] = {"bare": bare}
