"""U402 learning-rate-too-low."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar

from unstuck.evidence import descent, middle, ratio, shown_rate, typical
from unstuck.findings import Finding, Severity
from unstuck.obstacles import Obstacle
from unstuck.signals import Run
from unstuck.sketch import sketch


class LearningRateTooLow(Obstacle):
    """Updates are tiny against the weights while the gradient is healthy.

    What it does:
        Adds up how far the steps of the whole run moved the weights, in relation to their size.

    Why is this bad?
        At this rate the run ends before it has begun.

    Evidence:
        `update_ratio` of every layer below MOVE in the median (healthy runs: 4e-3 to 2e-2; SGD with
        a rate of 1e-5: 7e-7, measured; TheDeepChecker warns below 1e-4), the sum over all steps
        below TOTAL, the first layer's gradient at least FLOW of the last one's (else it vanishes
        rather), and a run that learned poorly.

    Known problems:
        Plateaus of other kinds also keep updates small; the gradient condition tells most apart.

    Remedies:
        A higher learning rate; Adam, whose steps do not depend on the gradient's scale.

    References:
        Smith, WACV 2017 (range test).
    """

    code = "U402"
    remedies = ("raise-learning-rate", "use-adam", "use-momentum")
    explains = (
        "slow-convergence",
        "underfitting",
        "zigzag-descent",
        "uneven-gradient-scale",
        "full-batch-training",
    )
    MOVE: ClassVar[float] = 3e-4
    TOTAL: ClassVar[float] = 0.2
    FLOW: ClassVar[float] = 1e-2

    SICK: ClassVar[Run] = sketch(
        loss=lambda s: 2.31 - 1e-5 * s, settings={"lr": 1e-5}, layers={"update_ratio": 1e-6}
    )
    HEALTHY: ClassVar[Run] = sketch()

    def check(self, run: Run) -> Iterator[Finding]:
        """Yield at most one finding."""
        went = descent(run)
        layers = run.weights
        if not layers or not went.poor or run.steps < 20:
            return
        moves = {la.name: typical(run, "update_ratio", la.name) for la in layers}
        known = [m for m in moves.values() if math.isfinite(m)]
        if not known or max(known) >= self.MOVE or max(known) * run.steps >= self.TOTAL:
            return
        sizes = [typical(run, "gradient_rms", la.name) for la in layers]
        if not middle(sizes) > 0 or ratio(sizes[0], sizes[-1]) < self.FLOW:
            return
        # Decayed to nothing during the run: the schedule's fault, not the rate's.
        rates = run.of("learning_rate")
        if rates and rates[0] > 0 and middle(rates.values) < 0.1 * rates[0]:
            return
        rate = rates[0] if rates else run.optimizer.settings.get("lr", math.nan)
        total = max(known) * run.steps
        yield self.finding(
            run,
            Severity.ERROR,
            f"the learning rate{shown_rate(rate)} is too low: {run.steps} steps move the weights "
            f"by {total:.2g} of their size at most, and the loss from {went.initial:.4g} to "
            f"{went.final:.4g}",
            location=run.optimizer.location or run.optimizer.step_location,
            evidence={"learning_rate": rate, "update_ratio": moves, "moved": total},
            confidence=0.9 if total < 0.05 else 0.75,
        )
