"""U602 unscaled-targets."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar

from unstuck.evidence import descent, middle
from unstuck.findings import Finding, Severity
from unstuck.obstacles import Obstacle
from unstuck.signals import Run
from unstuck.sketch import sketch

_REGRESSION = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss")


class UnscaledTargets(Obstacle):
    """The targets of a regression are far larger than what the network puts out.

    What it does:
        Compares the targets' size with the predictions' at the start, in a run that does badly.

    Why is this bad?
        The output layer has to grow a hundredfold before anything else is learned; gradients of the
        squared error are as large as the targets, and a rate that suits other tasks diverges.

    Evidence:
        The targets' root mean square above SIZE and more than RATIO times that of the first
        predictions, in a run that came less than half the way from the targets' variance to zero,
        or diverged. Networks start with outputs of about unit size (Glorot and Bengio 2010).
        Or, of a few outputs under one loss, the targets' standard deviations lie more than SPAN
        times apart (the smallest has less than a thousandth of a squared error), and at the end one
        output is farther off than if it were always its mean (`output_error` above MISS).

    Known problems:
        Targets far smaller than one are not reported.

    Remedies:
        Standardize the targets with the training data's mean and deviation.

    References:
        LeCun et al., Efficient BackProp, 1998.
    """

    code = "U602"
    remedies = ("scale-targets", "use-adam", "lower-learning-rate")
    explains = (
        "exploding-gradient",
        "learning-rate-too-high",
        "learning-rate-too-low",
        "diverging-loss",
        "non-finite-values",
        "slow-convergence",
        "underfitting",
        "oscillating-loss",
        "dead-relu",
        "saturated-activation",
        "vanishing-gradient",
        "uneven-gradient-scale",
        "zigzag-descent",
        "mismatched-initialization",
        "full-batch-training",
    )
    SIZE: ClassVar[float] = 10.0
    RATIO: ClassVar[float] = 20.0
    SPAN: ClassVar[float] = 30.0
    MISS: ClassVar[float] = 1.0

    SICK: ClassVar[Run] = sketch(
        loss=lambda s: 28000 - 10.0 * s,
        function="mse_loss",
        run={
            "target_mean": 152.0,
            "target_std": 77.0,
            "prediction_std": 0.2,
            "prediction_mean": 0.1,
        },
    )
    HEALTHY: ClassVar[Run] = sketch(
        function="mse_loss",
        run={"target_mean": 0.0, "target_std": 1.0, "prediction_std": 0.2, "prediction_mean": 0.0},
    )

    def check(self, run: Run) -> Iterator[Finding]:
        """Yield at most one finding."""
        if (run.loss_function.function or "") not in _REGRESSION:
            return
        yield from list(self._of_one_size(run)) or self._apart(run)

    def _apart(self, run: Run) -> Iterator[Finding]:
        """Yield a finding where outputs of large scale leave nothing of the loss to small ones."""
        span = middle(run.of("target_ratio").values)
        miss = middle(run.of("output_error").values[-3:])
        if not (span > self.SPAN and miss > self.MISS) or run.steps < 50:
            return
        yield self.finding(
            run,
            Severity.ERROR,
            f"the targets of different outputs lie {span:.2g}-fold apart in scale under one loss; "
            f"one is {miss:.2g} times as far off as its own mean would be",
            location=run.loss_function.location,
            evidence={"target_ratio": span, "output_error": miss},
            confidence=0.85,
        )

    def _of_one_size(self, run: Run) -> Iterator[Finding]:
        mean, deviation = middle(run.of("target_mean").values), middle(run.of("target_std").values)
        size = math.hypot(mean, deviation)
        given = math.hypot(_first(run, "prediction_mean"), _first(run, "prediction_std"))
        if not (size > self.SIZE and size > self.RATIO * given):
            return
        went = descent(run)
        left = went.final / deviation**2 if deviation and went.final == went.final else math.inf
        if run.loss_function.function != "mse_loss":
            left = went.final / deviation if deviation else math.inf
        if left < 0.5:
            return
        yield self.finding(
            run,
            Severity.ERROR,
            f"the targets are not scaled: mean {mean:.3g}, deviation {deviation:.3g}, while the "
            f"network starts with outputs of about {given:.2g}",
            location=run.loss_function.location,
            evidence={"target_mean": mean, "target_std": deviation, "prediction": given},
            confidence=0.88,
        )


def _first(run: Run, signal: str) -> float:
    series = run.of(signal)
    return series[0] if series else math.nan
