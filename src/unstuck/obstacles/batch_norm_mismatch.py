"""U504 batch-norm-mismatch."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar

from unstuck.evidence import (
    BEHIND,
    Descent,
    descent,
    held_out_end,
    lagging,
    middle,
    norm_momenta,
    validation,
)
from unstuck.findings import Finding, Severity
from unstuck.obstacles import Obstacle
from unstuck.signals import Run, Series
from unstuck.sketch import learning, sketch

LEARNED = 0.8
"""Training came so far, and so much of the loss of guessing was left in every evaluation."""


class BatchNormMismatch(Obstacle):
    """Batch normalization does one thing in training and another in evaluation.

    What it does:
        Looks at the running statistics' momentum and at the batch size of models with batch
        normalization whose validation is far worse than their training.

    Why is this bad?
        Running statistics that follow one batch only, or hardly move at all, describe no data that
        the model will see; statistics over two or three rows are noise. Keras' own momentum of 0.99
        needs hundreds of steps: a script with large batches and few epochs ends before.

    Evidence:
        A momentum above FAST (the statistics are those of the last batch or two) or below SLOW
        (after n steps they have moved by n times that), or batches of at most ROWS rows; together
        with a validation loss above twice the training loss, or an accuracy at least 0.1 behind;
        with tiny batches also poor training. Or statistics of which more than a twentieth is still
        their initial value at the end, where training learned and no validation loss ever came
        below that of guessing: what merely overfits is better than guessing at first.

    Known problems:
        A tiny last batch alone is seen only through the momentum.

    Remedies:
        A momentum of 0.1, batches of at least 16 rows, ``drop_last=True``.

    References:
        Ioffe and Szegedy, ICML 2015; Wu and He, ECCV 2018 (small batches).
    """

    code = "U504"
    remedies = ("resize-batch",)
    explains = (
        "overfitting",
        "underfitting",
        "oscillating-loss",
        "slow-convergence",
        "learning-rate-too-high",
        "uneven-gradient-scale",
        "zigzag-descent",
    )
    FAST: ClassVar[float] = 0.9
    SLOW: ClassVar[float] = 0.002
    ROWS: ClassVar[float] = 3.0

    SICK: ClassVar[Run] = sketch(
        facts={"norm_momentum": [1.0]},
        validation=lambda s: 2.0,
        validation_accuracy=lambda s: 0.3,
    )
    HEALTHY: ClassVar[Run] = sketch(
        facts={"norm_momentum": [0.1]},
        validation=lambda s: learning(s) + 0.02,
        validation_accuracy=lambda s: 0.95,
    )

    def check(self, run: Run) -> Iterator[Finding]:
        """Yield at most one finding."""
        momenta = norm_momenta(run)
        if not momenta:
            return
        went = descent(run)
        loss, accuracy = held_out_end(run)
        apart = loss > 2 * went.final or went.accuracy - accuracy > BEHIND
        rows = middle(run.of("batch_size").values)
        odd = next(
            (m for m in momenta if m > self.FAST or (m * run.steps < 1 and m < self.SLOW)), None
        )
        odd = odd if odd is not None else next((m for m in momenta if m < self.SLOW), None)
        odd = odd if odd is not None else self._lags(run, went)
        if odd is not None and apart:
            own = 1 - odd if run.framework == "keras" else odd  # Keras names what is kept
            kept = "its initial statistics"
            if odd >= self.SLOW:  # (1 - m)^n of them
                kept = f"{math.exp(-odd * run.steps):.0%} of {kept} to the end"
            kept = "only the last batch" if odd > self.FAST else kept
            said = f"batch normalization with a momentum of {own:g} keeps {kept}"
        elif rows <= self.ROWS and (apart or went.achieved < 0.8):
            said = f"batch normalization over batches of {rows:g} rows is noise"
        else:
            return
        norm = next((la for la in run.layers if "BatchNorm" in la.kind), None)
        yield self.finding(
            run,
            Severity.ERROR,
            f"{said}: validation loss {loss:.3g} against {went.final:.3g} in training",
            layers=[norm] if norm else [],
            evidence={"momentum": odd, "batch_size": rows, "validation_loss": loss},
            confidence=0.85,
        )

    def _lags(self, run: Run, went: Descent) -> float | None:
        """Return the momentum of statistics that came too late for every evaluation."""
        losses = (validation(run) or (Series(),))[0].values
        if not run.complete or len(losses) < 2 or not went.achieved > LEARNED:
            return None
        return min(lagging(run), default=None) if min(losses) > LEARNED * went.trivial else None
