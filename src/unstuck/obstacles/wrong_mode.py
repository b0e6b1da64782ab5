"""U807 wrong-mode."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from unstuck.evidence import middle
from unstuck.findings import Finding, Severity
from unstuck.obstacles import Obstacle
from unstuck.signals import Run, Series
from unstuck.sketch import learning, sketch


class WrongMode(Obstacle):
    """The model trains in evaluation mode, or is evaluated in training mode.

    What it does:
        Looks at the mode of dropout and normalization layers in training steps and in gradient-free
        passes.

    Why is this bad?
        In evaluation mode dropout does nothing and batch normalization uses statistics that it no
        longer updates; in training mode an evaluation is noisy, depends on the batch, and changes
        the running statistics with held-out data.

    Evidence:
        All such layers in evaluation mode in more than SHARE of the later training steps while
        every layer is trained (a frozen backbone in evaluation mode is silent), or in training mode
        in more than SHARE of the passes (at least three). The modes themselves are the evidence.

    Known problems:
        Dropout kept on for uncertainty estimates (Monte Carlo dropout) looks like a mistake where
        no pass is made without it.

    Remedies:
        ``model.train()`` before each epoch, ``model.eval()`` before each evaluation.

    References:
        Documentation of torch.nn.Module.train.
    """

    code = "U807"
    remedies = ("restore-train-mode",)
    explains = (
        "overfitting",
        "batch-norm-mismatch",
        "slow-convergence",
        "underfitting",
        "diverging-loss",
        "exploding-gradient",
        "oscillating-loss",
        "vanishing-gradient",
        "learning-rate-too-high",
        "dead-relu",
        "saturated-activation",
        "non-finite-values",
        "uneven-gradient-scale",
    )
    SHARE: ClassVar[float] = 0.6

    SICK: ClassVar[Run] = sketch(run={"eval_share": lambda s: float(s > 10)})
    HEALTHY: ClassVar[Run] = sketch(
        run={"eval_share": 0.0}, validation=lambda s: learning(s) + 0.02
    )

    def check(self, run: Run) -> Iterator[Finding]:
        """Yield at most one finding."""
        modes = run.of("eval_share")
        later = modes.since(run.steps // 4)
        later = later if len(later) >= 3 else Series(modes.steps[-3:], modes.values[-3:])
        trained = all(la.trainable and la.optimized for la in run.layers)
        if len(later) >= 3 and middle(later.values) == 1.0 and trained:
            wrong = sum(v == 1.0 for v in later) / len(later)
            if wrong > self.SHARE:
                first = next(s for s, v in zip(modes.steps, modes.values, strict=True) if v == 1.0)
                yield self.finding(
                    run,
                    Severity.ERROR,
                    f"the model trains in evaluation mode from step {first} on: dropout and "
                    "normalization layers do not work as meant",
                    steps=(first, run.steps - 1),
                    location=run.optimizer.step_location,
                    evidence={"eval_share": wrong},
                    confidence=0.93,
                )
                return
        passes = _passes(run)
        if modes and passes and min(map(middle, (p.values for p in passes.values()))) == 1:
            yield self.finding(
                run,
                Severity.WARNING,
                "the model is evaluated in training mode: dropout drops and batch normalization "
                "uses the batch's own statistics",
                location=run.optimizer.step_location,
                evidence={"validation_training_mode": 1.0},
                confidence=0.85,
            )


def _passes(run: Run) -> dict[str, Series]:
    """Return the mode of each kind of pass, if at least one kind was made three times."""
    found = {
        signal: series
        for (layer, signal), series in run.series.items()
        if layer == "" and signal.startswith("validation_training_mode:")
    }
    return found if any(len(series) >= 3 for series in found.values()) else {}
