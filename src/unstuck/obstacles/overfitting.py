"""U501 overfitting."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar

from unstuck.evidence import (
    descent,
    kept_pass,
    middle,
    noise,
    own_losses,
    right_in_training,
    validation,
)
from unstuck.findings import Finding, Severity
from unstuck.obstacles import Obstacle
from unstuck.signals import Run, Series
from unstuck.sketch import learning, sketch


class Overfitting(Obstacle):
    """Validation gets worse while training gets better: only the training data is learned.

    What it does:
        Follows the loss (and accuracy) of gradient-free passes beside the training loss.

    Why is this bad?
        What the model still learns is particular to the training rows and worthless elsewhere.

    Evidence:
        The validation loss ends more than RISE above its lowest value, the rise lasts at least a
        quarter of the passes and exceeds their noise, the training loss meanwhile fell below half
        of the validation loss, and where accuracies are known, training accuracy is ahead of
        validation accuracy by GAP or more. A validation loss that rises while accuracy holds within
        the gap is overconfidence and not reported (Guo et al., ICML 2017); neither is a constant
        distance between both losses. Where only accuracies are known, the gap must be twice as
        wide. A training accuracy that was not measured late in the run, or that a log does not
        tell, is at least 1 - loss / ln 2: a row that is given to another class has a cross-entropy
        above ln 2. A run that went back at its end to the weights of one of its passes (early
        stopping) has no finding.

    Known problems:
        Without any pass over held-out data nothing can be seen. A test set that is easier or harder
        than the training set shifts the gap.

    Remedies:
        Dropout, weight decay, L1, batch normalization; more data; stopping at the minimum.

    References:
        Prechelt, Early Stopping, 1998; Srivastava et al., JMLR 2014.
    """

    code = "U501"
    remedies = (
        "add-dropout",
        "add-weight-decay",
        "add-l1",
        "stop-early",
        "add-batch-norm",
    )
    RISE: ClassVar[float] = 0.1
    GAP: ClassVar[float] = 0.08

    SICK: ClassVar[Run] = sketch(
        loss=lambda s: 2.3 * math.exp(-s / 30),
        validation=lambda s: 1.0 + 0.004 * s,
        validation_accuracy=lambda s: 0.7,
    )
    HEALTHY: ClassVar[Run] = sketch(
        loss=learning,
        validation=lambda s: learning(s) + 0.05,
        validation_accuracy=lambda s: 0.95,
    )

    def check(self, run: Run) -> Iterator[Finding]:
        """Yield at most one finding."""
        went = descent(run)
        if not went.finite or kept_pass(run) is not None:  # it went back to where it was best
            return
        passes = validation(run)
        if passes is None:
            return
        losses, accuracies = passes
        trained, bound = right_in_training(run)
        held = middle(accuracies.values[-3:])
        gap = trained - held
        known = math.isfinite(gap)
        if len(losses) >= 4:
            found = self._rise(run, losses, went.final)
            if found is None or (known and gap < self.GAP):
                return
            lowest, at, end = found
            message = (
                f"validation loss rises from {lowest:.3g} (step {at}) to {end:.3g} while training "
                f"loss falls to {went.final:.3g}"
            )
            steps = (at, run.steps - 1)
            evidence = {"validation_loss": {"lowest": lowest, "final": end}, "loss": went.final}
        elif known and gap >= 2 * self.GAP and trained > 0.95 and len(accuracies) >= 1:
            message = "the training data is known by heart, other data is not"
            steps = (0, run.steps - 1)
            evidence = {}
        else:
            return
        if known:
            least = "at least " if bound else ""
            message += f": {least}{trained:.0%} right in training, {held:.0%} in validation"
            evidence = {**evidence, "accuracy": {"training": trained, "validation": held}}
        model = next((la.location for la in run.layers if la.location), None)
        yield self.finding(
            run,
            Severity.ERROR if not known or gap > 2 * self.GAP else Severity.WARNING,
            message,
            steps=steps,
            location=model or run.optimizer.location,
            evidence=evidence,
            confidence=0.9 if known else 0.8,
        )

    def _rise(self, run: Run, losses: Series, training: float) -> tuple[float, int, float] | None:
        values = losses.values
        index = min(range(len(values)), key=lambda i: values[i])
        lowest, after = values[index], values[index:]
        last = values[-max(len(values) // 5, 1) :]
        end = middle(last)
        if lowest <= 0 or len(after) < max(len(values) / 4, 3):
            return None
        if end - lowest < max(self.RISE * lowest, 2 * noise(after)):
            return None
        before = middle([v for s, v in own_losses(run).pairs() if s <= losses.steps[index]][-20:])
        if not (training < 0.5 * end and training < before):
            return None
        return lowest, losses.steps[index], end
