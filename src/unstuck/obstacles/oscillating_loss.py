"""U403 oscillating-loss."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar

from unstuck.evidence import descent, has_floor, middle, noise
from unstuck.findings import Finding, Severity
from unstuck.obstacles import Obstacle
from unstuck.signals import Run
from unstuck.sketch import sketch


class OscillatingLoss(Obstacle):
    """The loss swings without trend, beyond what batch noise explains.

    What it does:
        Looks at the second half of a run for swings that last longer than a batch.

    Why is this bad?
        What one stretch of the run learns the next one loses.

    Evidence:
        Medians of twentieths of the run still go up and down by a factor of SWING or more, at least
        TURNS times, in a run that learned poorly or whose end is twice its best stretch: the noise
        of single batches is gone from a median. Losses below a hundredth of their start are left
        out: spikes near zero are normal (Adam's step does not shrink with the gradient).

    Known problems:
        Restarts of a cyclic schedule swing too.

    Remedies:
        A lower learning rate, a schedule, larger batches.

    References:
        AutoTrainer, ICSE 2021 (swings of 0.03 in accuracy).
    """

    code = "U403"
    remedies = ("lower-learning-rate", "use-adam", "clip-gradients", "add-batch-norm")
    explains = ("underfitting", "slow-convergence", "overfitting")
    SWING: ClassVar[float] = 1.5
    TURNS: ClassVar[int] = 4

    SICK: ClassVar[Run] = sketch(loss=lambda s: 2.0 + 1.2 * math.cos(s / 7.2))
    HEALTHY: ClassVar[Run] = sketch()

    def check(self, run: Run) -> Iterator[Finding]:
        """Yield at most one finding."""
        went = descent(run)
        values = run.loss.values
        if went.count < 100 or not went.finite or not has_floor(run):
            return
        width = max(went.count // 40, 5)
        half = values[len(values) // 2 :]
        levels = [middle(half[i : i + width]) for i in range(0, len(half) - width + 1, width)]
        if middle(levels) < 0.01 * went.initial or not (
            went.poor or went.final > 2 * max(went.best, 1e-12)
        ):
            return
        # Of medians of batches that only differ by chance, hardly one lies four errors away.
        chance = 4 * 1.25 * noise(half) / math.sqrt(width)
        if max(levels) - min(levels) < 2 * chance:
            return
        turns, low, high, rising = 0, levels[0], levels[0], True
        for level in levels:
            if rising:
                high = max(high, level)
                if level * self.SWING < high:
                    turns, low, rising = turns + 1, level, False
            else:
                low = min(low, level)
                if level > self.SWING * max(low, 1e-12):
                    turns, high, rising = turns + 1, level, True
        if turns < self.TURNS:
            return
        yield self.finding(
            run,
            Severity.WARNING,
            f"the loss swings between {min(levels):.3g} and {max(levels):.3g} without getting down",
            steps=(run.steps // 2, run.steps - 1),
            location=run.optimizer.location,
            evidence={"turns": turns, "lowest": min(levels), "highest": max(levels)},
            confidence=0.7,
        )
