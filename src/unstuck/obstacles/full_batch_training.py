"""U408 full-batch-training."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar

from unstuck.evidence import descent, middle
from unstuck.findings import Finding, Severity
from unstuck.obstacles import Obstacle
from unstuck.signals import Run
from unstuck.sketch import sketch


class FullBatchTraining(Obstacle):
    """Each step passes over all the data, where mini-batches would make many steps of one pass.

    What it does:
        Looks whether every step sees the very same batch, in a run that is not done.

    Why is this bad?
        The gradient of a few dozen rows points nearly where that of all rows points; a step on all
        rows costs as much as many steps on few.

    Evidence:
        The batch has the same size, the same mean and deviation of targets and inputs in all deep
        samples (within a ten-thousandth of the deviation; or Keras' `fit` was told to take as many
        rows at once as it was given), at least ROWS rows, and the run learned
        poorly (or came less than FAR of the way, whatever its accuracy) and was still descending;
        from LARGE rows on, where a pass makes sixteen steps of 32 rows, also in a run that came
        less than three quarters of the way.

    Known problems:
        Problems of a few hundred rows often train well in full batches; they are silent.

    Remedies:
        Mini-batches of 32 or 64 rows.

    References:
        Bottou, Curtis and Nocedal, SIAM Review 2018.
    """

    code = "U408"
    remedies = ("use-mini-batches", "use-adam", "use-momentum")
    explains = ("slow-convergence", "underfitting", "learning-rate-too-low")
    ROWS: ClassVar[float] = 128.0
    LARGE: ClassVar[float] = 512.0
    FAR: ClassVar[float] = 0.25

    SICK: ClassVar[Run] = sketch(
        loss=lambda s: 2.3 - 2e-3 * s, run={"batch_size": 1200.0, "input_std": 0.37}
    )
    HEALTHY: ClassVar[Run] = sketch(run={"batch_size": 64.0})

    def check(self, run: Run) -> Iterator[Finding]:
        """Yield at most one finding."""
        sizes = run.of("batch_size")
        if len(sizes) < 5 or min(sizes) != max(sizes) or sizes[0] < self.ROWS:
            return
        if not _all_rows(run) and not all(_constant(run, of) for of in ("target", "input")):
            return
        went = descent(run)
        slow = (went.poor or went.achieved < self.FAR) and went.slope > 0.005
        large = sizes[0] >= self.LARGE and went.achieved < 0.75 and went.slope > 0.02
        if not (slow or large) or not went.final < went.initial:
            return
        yield self.finding(
            run,
            Severity.WARNING,
            f"each of the {run.steps} steps passes over all {sizes[0]:.0f} rows: mini-batches "
            "would make many steps of one pass",
            location=run.optimizer.step_location,
            evidence={"batch_size": sizes[0], "achieved": went.achieved},
            confidence=0.8,
        )


def _all_rows(run: Run) -> bool:
    """Return whether `fit` was given arrays and a batch size that is not below their rows."""
    fit = run.facts.get("fit") or {}
    rows = (fit.get("rows") or 0) * (1 - (fit.get("validation_split") or 0.0))
    return 0 < rows <= (fit.get("batch_size") or 0)


def _constant(run: Run, what: str) -> bool:
    """Return whether mean and deviation stay within a ten-thousandth of the deviation.

    Means of mini-batches of n rows differ by 1 / sqrt(n) of it; the same rows in another order
    differ by rounding only.
    """
    deviation = [v for v in run.of(f"{what}_std") if math.isfinite(v)]
    means = [v for v in run.of(f"{what}_mean") if math.isfinite(v)]
    scale = 1e-4 * max(middle(deviation), 1e-6) if deviation else 1e-6
    return all(max(vs) - min(vs) <= scale for vs in (means, deviation) if vs)
