"""U406 zigzag-descent."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar

from unstuck.evidence import descent, middle
from unstuck.findings import Finding, Severity
from unstuck.obstacles import Obstacle
from unstuck.signals import Run
from unstuck.sketch import sketch


class ZigzagDescent(Obstacle):
    """Consecutive gradients point against each other: the descent crosses a narrow valley.

    What it does:
        Takes the cosine between the gradients of consecutive steps, throughout the run.

    Why is this bad?
        Along the valley's walls the steps cancel; along its floor, where the way down is, they stay
        small. A higher rate leaves the valley, a lower one is slower still.

    Evidence:
        The median `gradient_cosine` of the later pairs below COSINE in a run that learned poorly,
        or below STRICT in one that is still on its way (its last third took off more than SLOPE of
        the loss), while the loss does not rise. Independent mini-batches give about zero, a smooth
        slope gives nearly one; steepest descent in a quadratic valley tends to minus one (Akaike
        1959).

    Known problems:
        Late in a good run gradients also turn against each other (edge of stability, Cohen et al.,
        ICLR 2021); such runs have made their way and are not reported.

    Remedies:
        Momentum averages the zig-zag away; Adam and RMSProp also rescale the valley.

    References:
        Akaike 1959; Polyak 1964; Sutskever et al., ICML 2013.
    """

    code = "U406"
    remedies = ("use-momentum", "use-adam", "use-rmsprop", "lower-learning-rate")
    explains = ("slow-convergence", "underfitting", "full-batch-training", "oscillating-loss")
    COSINE: ClassVar[float] = -0.3
    STRICT: ClassVar[float] = -0.8
    SLOPE: ClassVar[float] = 0.05

    SICK: ClassVar[Run] = sketch(
        loss=lambda s: 1.5 + 0.8 * math.exp(-s / 400), run={"gradient_cosine": -0.8}
    )
    HEALTHY: ClassVar[Run] = sketch(run={"gradient_cosine": 0.2})

    def check(self, run: Run) -> Iterator[Finding]:
        """Yield at most one finding."""
        went = descent(run)
        cosines = run.of("gradient_cosine").finite()
        if len(cosines) < 5 or not went.finite:
            return
        settings = run.optimizer.settings
        if max(settings.get("momentum", 0.0), settings.get("betas.0", 0.0)) >= 0.5:
            return  # it has momentum already
        # Deep samples are dense early on: of a long run, its later half counts.
        later = cosines.since(run.steps // 2).values
        if len(later) < 5:
            later = cosines.values[len(cosines) // 3 :]
        turn = middle(later)
        unfinished = went.poor or (went.slope > 2 * self.SLOPE and went.achieved < 0.9)
        if not turn < (self.COSINE if unfinished else self.STRICT):
            return
        if not (went.final < went.initial and went.final <= 1.2 * went.best):
            return  # it does not descend at all: too high a rate, not a valley
        severity = Severity.ERROR if went.poor else Severity.WARNING
        if went.slope < (0.4 * self.SLOPE if went.poor else self.SLOPE):
            return  # it has arrived
        yield self.finding(
            run,
            severity,
            f"each gradient points against the one before (cosine {turn:.2f}): the descent "
            f"zig-zags across a narrow valley, and the loss is at {went.final:.3g} after "
            f"{run.steps} steps",
            location=run.optimizer.location,
            evidence={"gradient_cosine": turn, "achieved": went.achieved},
            confidence=0.85,
        )
