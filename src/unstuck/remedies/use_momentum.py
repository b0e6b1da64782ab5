"""The remedy use-momentum."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from unstuck.findings import Finding
from unstuck.remedies import Change, Remedy, Settings
from unstuck.signals import Run

if TYPE_CHECKING:
    from unstuck.frameworks.torch_treatment import Subject
    from unstuck.sources.keras_subject import KerasSubject

__all__ = ["UseMomentum"]


class UseMomentum(Remedy):
    """Train with momentum, which averages the steps over the last ten gradients or so.

    What it does:
        Gradient descent gets a momentum of 0.9; another optimizer becomes `torch.optim.SGD` with
        momentum.

    When it helps:
        In a narrow valley consecutive gradients point against each other across it and agree
        along it. Momentum cancels the first and adds up the second.

    Settings:
        ``momentum``: 0.9. ``lr``: the same, or a tenth where values stopped being finite. Along
        the valley momentum makes the steps 1 / (1 - 0.9) = 10 times as long; across it, it allows
        for nearly twice the learning rate (2 (1 + 0.9) over the curvature, instead of 2).

    Limits:
        Where the learning rate is far beyond the edge, momentum does not help. Groups with
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
        if not all(math.isfinite(value) for value in run.loss):
            return ({"momentum": 0.9, "lr": rate / 10}, {"momentum": 0.9, "lr": rate})
        return ({"momentum": 0.9, "lr": rate}, {"momentum": 0.9, "lr": rate / 10})

    def apply_torch(self, subject: Subject, settings: Settings) -> list[Change]:
        """Change the optimizer; see `Remedy.apply_torch`."""
        rate = {"lr": settings["lr"]} if "lr" in settings else {}
        return subject.use_optimizer("SGD", momentum=settings.get("momentum", 0.9), **rate)

    def apply_keras(self, subject: KerasSubject, settings: Settings) -> list[Change]:
        """Change the optimizer; see `Remedy.apply_keras`."""
        rate = {"learning_rate": settings["lr"]} if "lr" in settings else {}
        momentum = settings.get("momentum", 0.9)
        return subject.use_optimizer("SGD", **rate, momentum=momentum)
