"""The remedy raise-learning-rate."""

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
    from unstuck.sources.hand_subject import HandSubject
    from unstuck.sources.keras_subject import KerasSubject

__all__ = ["RaiseLearningRate"]

HEALTHY_UPDATE = 3e-3
"""Healthy training changes a weight by 1e-3 to 1e-2 of its scale per step (Karpathy 2019)."""


class RaiseLearningRate(Remedy):
    """Take longer steps.

    What it does:
        The learning rate is multiplied by a factor above one, in all parameter groups.

    When it helps:
        Weights move by a tiny share of their scale per step, while the gradient is healthy and
        the loss keeps its slope.

    Settings:
        ``factor``: a power of ten that brings the typical update to three thousandths of the
        weights' scale, as long as a step does not promise more than the whole loss (Polyak's step
        length); then ten times more and ten times less.

    Limits:
        A scheduler that sets the learning rate itself (OneCycleLR) overrides it. Where gradients
        vanish layer by layer, no one rate helps all layers.

    References:
        Karpathy: A Recipe for Training Neural Networks, 2019. Polyak: Introduction to
        Optimization, 1987, section 5.3.2.
    """

    stage = "optimizer"

    def settings(self, run: Run, finding: Finding) -> Sequence[Settings]:
        """Return factors from the size of the updates and the promise of the steps."""
        updates = [v for la in run.weights for v in run.of("update_ratio", la.name).finite()[:20]]
        typical = median(updates) if updates else 0.0
        exponent = 1 if typical <= 0 else round(math.log10(HEALTHY_UPDATE / typical))
        shares = []
        promises = run.of("predicted_decrease").finite()
        for step, promise in zip(promises.steps, promises, strict=True):
            loss = run.loss.at(step)
            if loss is not None and loss > 0 and promise > 0:
                shares.append(promise / loss)
        if shares:  # NaN losses fail the comparison above
            exponent = min(exponent, math.floor(-math.log10(max(shares))))
        factor = 10.0 ** min(6, max(1, exponent))
        return tuple({"factor": f} for f in (factor, factor * 10, factor / 10) if f > 1)

    def apply_torch(self, subject: Subject, settings: Settings) -> list[Change]:
        """Change the learning rate; see `Remedy.apply_torch`."""
        rate = subject.rate()
        if rate is None:
            return []
        return subject.use_optimizer(lr=rate * settings.get("factor", 10.0))

    def apply_by_hand(self, subject: HandSubject, settings: Settings) -> list[Change]:
        """Change the learning rate; see `Remedy.apply_by_hand`."""
        return subject.scale_rate(settings.get("factor", 10.0))

    def apply_keras(self, subject: KerasSubject, settings: Settings) -> list[Change]:
        """Change the learning rate; see `Remedy.apply_keras`."""
        if subject.rate is None:
            return []
        return subject.use_optimizer(learning_rate=subject.rate * settings.get("factor", 10.0))
