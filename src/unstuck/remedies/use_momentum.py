"""The remedy use-momentum."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING

from unstuck.findings import Finding
from unstuck.remedies import Change, Remedy, Settings
from unstuck.signals import Run

if TYPE_CHECKING:
    from unstuck.frameworks.torch_treatment import Subject

__all__ = ["UseMomentum"]

SWING = 0.3
"""Consecutive gradients with a cosine under minus this point against each other."""


class UseMomentum(Remedy):
    """Train with momentum, which averages the steps over the last ten gradients or so.

    What it does:
        Gradient descent gets a momentum of 0.9; another optimizer becomes `torch.optim.SGD` with
        momentum.

    When it helps:
        In a narrow valley consecutive gradients point against each other across it and agree
        along it. Momentum cancels the first and adds up the second.

    Settings:
        ``momentum``: 0.9. ``lr``: the same, or a tenth where the gradients swing or values
        stopped being finite: momentum makes the steps 1 / (1 - 0.9) = 10 times as long.

    Limits:
        Where the learning rate is already at the edge, the longer steps cross it. Groups with
        learning rates of their own keep the ratio between them.

    References:
        Polyak: Some Methods of Speeding up the Convergence of Iteration Methods, 1964. Sutskever
        et al.: On the Importance of Initialization and Momentum in Deep Learning, ICML 2013.
    """

    stage = "optimizer"

    def settings(self, run: Run, finding: Finding) -> Sequence[Settings]:
        """Return momentum with the script's learning rate and a tenth of it."""
        rate = run.optimizer.settings.get("lr", 0.01)
        if run.optimizer.name != "SGD":
            return ({"momentum": 0.9, "lr": 0.01}, {"momentum": 0.9, "lr": 0.1})
        cosines = run.of("gradient_cosine").finite()
        swings = bool(cosines) and median(cosines) < -SWING
        if swings or not all(math.isfinite(value) for value in run.loss):
            return ({"momentum": 0.9, "lr": rate / 10}, {"momentum": 0.9, "lr": rate})
        return ({"momentum": 0.9, "lr": rate}, {"momentum": 0.9, "lr": rate / 10})

    def apply_torch(self, subject: Subject, settings: Settings) -> list[Change]:
        """Change the optimizer; see `Remedy.apply_torch`."""
        rate = {"lr": settings["lr"]} if "lr" in settings else {}
        return subject.use_optimizer("SGD", momentum=settings.get("momentum", 0.9), **rate)
