"""The remedy lower-learning-rate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING

from unstuck.evidence import unharmed
from unstuck.findings import Finding
from unstuck.remedies import Change, Remedy, Settings
from unstuck.signals import Run

if TYPE_CHECKING:
    from unstuck.frameworks.torch_treatment import Subject
    from unstuck.sources.hand_subject import HandSubject
    from unstuck.sources.keras_subject import KerasSubject

__all__ = ["LowerLearningRate"]

HEALTHY_UPDATE = 1e-2
"""Healthy training changes a weight by 1e-3 of its scale per step, up to 1e-2 (Karpathy 2019)."""


FIRST = 20
"""So many updates of each layer tell their usual size. The very first ones alone do not: RMSProp's
running mean starts at zero, so its first step is ten times as long as later ones."""


class LowerLearningRate(Remedy):
    """Take shorter steps.

    What it does:
        The learning rate is multiplied by a factor below one, in all parameter groups.

    When it helps:
        Steps that overshoot the valley raise the loss, or destroy the weights.

    Settings:
        ``factor``: a power of ten, from the first steps. A step of gradient descent promises a
        decrease of the learning rate times the squared gradient; where that exceeds the whole
        loss, the step is too long by their ratio (Polyak's step length). Likewise a step that
        changes weights by more than a hundredth of their scale. Steps after the loss has broken
        out are not asked: how long they are says what became of the weights. Then a tenth of it.

    Limits:
        A scheduler that sets the learning rate itself (OneCycleLR) overrides it.

    References:
        Polyak: Introduction to Optimization, 1987, section 5.3.2. Karpathy: A Recipe for Training
        Neural Networks, 2019.
    """

    stage = "optimizer"

    def settings(self, run: Run, finding: Finding) -> Sequence[Settings]:
        """Return factors from the promise of the first steps and the size of their updates."""
        excess = [10.0]
        promises = unharmed(run, run.of("predicted_decrease")).finite().until(FIRST)
        for step, promise in zip(promises.steps, promises, strict=True):
            loss = run.loss.at(step)
            if loss is not None and math.isfinite(loss) and loss > 0:
                excess.append(promise / loss)
        ratios = [unharmed(run, run.of("update_ratio", layer.name)) for layer in run.weights]
        updates = [value for series in ratios for value in series.finite()[:FIRST]]
        if updates:
            excess.append(median(updates) / HEALTHY_UPDATE)
        factor = 10.0 ** -min(6, max(1, math.ceil(math.log10(max(excess)) - 0.5)))
        return tuple({"factor": value} for value in dict.fromkeys((factor, factor / 10, 0.1)))

    def apply_torch(self, subject: Subject, settings: Settings) -> list[Change]:
        """Change the learning rate; see `Remedy.apply_torch`."""
        rate = subject.rate()
        if rate is None:
            return []
        return subject.use_optimizer(lr=rate * settings.get("factor", 0.1))

    def apply_by_hand(self, subject: HandSubject, settings: Settings) -> list[Change]:
        """Change the learning rate; see `Remedy.apply_by_hand`."""
        return subject.scale_rate(settings.get("factor", 0.1))

    def apply_keras(self, subject: KerasSubject, settings: Settings) -> list[Change]:
        """Change the learning rate; see `Remedy.apply_keras`."""
        if subject.rate is None:
            return []
        return subject.use_optimizer(learning_rate=subject.rate * settings.get("factor", 0.1))
