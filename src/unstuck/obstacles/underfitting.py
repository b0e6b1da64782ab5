"""U502 underfitting."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar

from unstuck.evidence import descent, middle, typical
from unstuck.findings import Finding, Severity
from unstuck.obstacles import Obstacle
from unstuck.signals import Run
from unstuck.sketch import plateau, sketch


class Underfitting(Obstacle):
    """Training itself stays near the trivial baseline, though the dynamics are healthy.

    What it does:
        Looks whether a run that moves its weights properly has stopped improving far from zero.

    Why is this bad?
        The model is too small or too simple for the data, or the inputs do not tell the targets.

    Evidence:
        A training loss that took off less than DONE of what there is between the trivial model and
        zero, on a plateau, while the weights move by more than MOVE of their size per step. Judged
        only where the trivial loss is known, and for at most CLASSES classes (language models never
        come near zero).

    Known problems:
        Noise in the targets cannot be told from a model that is too small: hence a warning at most.

    Remedies:
        A wider or deeper model, better features, less regularization.

    References:
        Goodfellow, Bengio and Courville, Deep Learning, 2016, section 5.2.
    """

    code = "U502"
    remedies = ("use-adam", "raise-learning-rate")
    explains = ()
    DONE: ClassVar[float] = 0.4
    MOVE: ClassVar[float] = 3e-4
    CLASSES: ClassVar[int] = 20

    SICK: ClassVar[Run] = sketch(loss=plateau)
    HEALTHY: ClassVar[Run] = sketch()

    def check(self, run: Run) -> Iterator[Finding]:
        """Yield at most one finding."""
        went = descent(run)
        if went.count < 150 or not went.finite or not math.isfinite(went.trivial):
            return
        shape = run.loss_function.prediction_shape
        classes = shape[1] if math.isfinite(went.majority) and len(shape) > 1 else 1
        if len(shape) > 2 or classes > self.CLASSES:
            return
        if went.achieved >= self.DONE or (went.accuracy > 0.75 and went.majority <= 0.5):
            return
        moves = [typical(run, "update_ratio", la.name) for la in run.weights]
        if not moves or not middle(moves) > self.MOVE:
            return
        yield self.finding(
            run,
            Severity.WARNING,
            f"training stays at a loss of {went.final:.3g}, where knowing nothing gives "
            f"{went.trivial:.3g}, although the weights move",
            layers=run.weights[:1],
            evidence={"loss": went.final, "trivial": went.trivial, "achieved": went.achieved},
            confidence=0.6,
        )
