"""The remedy use-adam."""

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
    from unstuck.sources.keras_subject import KerasSubject

__all__ = ["UseAdam"]

SLOW_START = 2.0
"""With less way than twice the weights' own scale, the default rate cannot turn a layer over."""


class UseAdam(Remedy):
    """Train with Adam, which gives every parameter a step of its own size.

    What it does:
        The optimizer becomes `torch.optim.Adam`. Weight decay is kept; Adam's moments are the
        defaults.

    When it helps:
        Where gradient scales of the layers differ by orders of magnitude no single learning rate
        suits them all. Adam divides each gradient by its own running scale, so that a step is
        about the learning rate for every weight, however small its gradient.

    Settings:
        ``lr``: 0.001 (the paper's), 0.01, 0.0003. An Adam step is about ``lr``, so a run of N
        steps can move a weight by N times ``lr``: where 0.001 leaves less than twice the weights'
        own scale, 0.01 comes first. Of a run whose end is not known, 0.001: over few steps the
        larger rate wins, and loses over many (Wu et al., ICLR 2018).

    Limits:
        An optimizer that is Adam already keeps its class and only takes the learning rate. Groups
        with learning rates of their own keep the ratio between them. A scheduler that sets the
        learning rate itself (OneCycleLR) overrides the setting.

    References:
        Kingma, Ba: Adam: A Method for Stochastic Optimization, ICLR 2015.
    """

    stage = "optimizer"

    def settings(self, run: Run, finding: Finding) -> Sequence[Settings]:
        """Return learning rates, the likeliest first."""
        rates = [1e-3, 1e-2, 3e-4]
        scales = [v for layer in run.weights for v in run.of("weight_rms", layer.name)[:1]]
        scales = [v for v in scales if math.isfinite(v)]
        short = run.complete and scales and run.steps * rates[0] < SLOW_START * median(scales)
        if short:
            rates = [1e-2, 1e-3, 3e-4]
        return tuple({"lr": rate} for rate in rates)

    def apply_torch(self, subject: Subject, settings: Settings) -> list[Change]:
        """Change the optimizer; see `Remedy.apply_torch`."""
        return subject.use_optimizer("Adam", lr=settings.get("lr", 1e-3))

    def apply_keras(self, subject: KerasSubject, settings: Settings) -> list[Change]:
        """Change the optimizer; see `Remedy.apply_keras`."""
        name = "AdamW" if subject.run.optimizer.name == "AdamW" else "Adam"
        return subject.use_optimizer(name, learning_rate=settings.get("lr", 1e-3))
