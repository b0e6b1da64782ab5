"""U404 diverging-loss."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar

from unstuck.evidence import descent, early, has_floor, middle
from unstuck.findings import Finding, Severity
from unstuck.obstacles import Obstacle
from unstuck.signals import Run
from unstuck.sketch import learning, sketch


class DivergingLoss(Obstacle):
    """The loss leaves its start upwards and does not come back.

    What it does:
        Compares the end of the run with its start and with its best stretch.

    Why is this bad?
        What had been learned is lost; every further step is wasted.

    Evidence:
        The last tenth of the losses lies above RISE times the first three (and of the loss of
        guessing), or above these after it had been below half of them (all that was learned is
        lost), or the loss ends infinite after having been finite. TheDeepChecker counts a
        doubling as divergence.

    Known problems:
        Losses without a floor at zero (negative ones, a critic's) are judged only by infinities.

    Remedies:
        A schedule that raises the rate is made to lower it. A lower learning rate, clipping, Adam.

    References:
        TheDeepChecker, TOSEM 2022.
    """

    code = "U404"
    remedies = ("fix-schedule", "lower-learning-rate", "clip-gradients", "use-adam")
    explains = (
        "exploding-gradient",
        "non-finite-values",
        "oscillating-loss",
        "underfitting",
        "slow-convergence",
        "dead-relu",
        "saturated-activation",
        "vanishing-gradient",
        "uneven-gradient-scale",
        "zigzag-descent",
    )
    RISE: ClassVar[float] = 2.0

    SICK: ClassVar[Run] = sketch(loss=lambda s: 1.0 + 0.1 * s)
    HEALTHY: ClassVar[Run] = sketch(loss=learning)

    def check(self, run: Run) -> Iterator[Finding]:
        """Yield at most one finding."""
        went = descent(run)
        if went.count < 20 or not math.isfinite(went.initial) or went.initial <= 0:
            return
        start = went.initial if math.isnan(went.trivial) else max(went.initial, went.trivial)
        lost = went.best < 0.5 * went.initial and went.final > start
        infinite = not math.isfinite(went.final) and not math.isnan(went.initial)
        if not has_floor(run) and not infinite:
            return
        if not (infinite or lost or went.final > self.RISE * start):
            return
        limit = start if lost else self.RISE * start
        left = next(
            (s for s, v in zip(run.loss.steps, run.loss.values, strict=True) if not v <= limit), 0
        )
        promised = middle(early(run.of("predicted_decrease")).values)
        uphill = promised < 0
        notes = ["the steps lead up the gradient, not down: is a sign turned?"] if uphill else []
        end = "becomes infinite" if infinite else f"ends at {went.final:.3g}"
        yield self.finding(
            run,
            Severity.ERROR,
            f"the loss starts at {went.initial:.3g}, leaves it at step {left} and {end}",
            steps=(left, run.steps - 1),
            location=run.optimizer.location,
            evidence={"loss": {"initial": went.initial, "best": went.best, "final": went.final}},
            confidence=0.97 if uphill else 0.85,
            notes=notes,
        )
