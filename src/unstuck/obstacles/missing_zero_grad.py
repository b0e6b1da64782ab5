"""U802 missing-zero-grad."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from unstuck.findings import Finding, Severity
from unstuck.obstacles import Obstacle
from unstuck.signals import Run
from unstuck.sketch import sketch


class MissingZeroGrad(Obstacle):
    """Gradients of earlier steps are never cleared: each step repeats all steps before it.

    What it does:
        Looks, where `backward` begins, whether gradients that an earlier step already used are
        still there, and whether they were cleared at any time before the next step.

    Why is this bad?
        The sum of all gradients so far acts like momentum without friction: the loss swings like a
        pendulum and the rate seems far too high.

    Evidence:
        `stale_gradient` is 1 in SHARE of at least three deep samples after the first step. It is
        read from the gradients themselves, not from the loss curve. Gradient accumulation clears
        them once per step and is fine; so does setting them to None or clearing them by hand.

    Known problems:
        None known.

    Remedies:
        Call ``optimizer.zero_grad()`` in each step before ``backward``.

    References:
        Documentation of torch.optim.Optimizer.zero_grad.
    """

    code = "U802"
    remedies = ("zero-gradients", "clear-gradients")
    explains = (
        "learning-rate-too-high",
        "learning-rate-too-low",
        "oscillating-loss",
        "diverging-loss",
        "exploding-gradient",
        "dead-relu",
        "saturated-activation",
        "vanishing-gradient",
        "non-finite-values",
        "zigzag-descent",
        "uneven-gradient-scale",
        "slow-convergence",
        "underfitting",
        "overfitting",
    )
    SHARE: ClassVar[float] = 0.8

    SICK: ClassVar[Run] = sketch(
        loss=lambda s: 1.0 + 0.5 * (-1) ** (s // 10),
        run={"stale_gradient": lambda s: float(s > 0)},
    )
    HEALTHY: ClassVar[Run] = sketch()

    def check(self, run: Run) -> Iterator[Finding]:
        """Yield at most one finding."""
        stale = run.of("stale_gradient").since(1)
        if len(stale) < 3 or sum(stale) / len(stale) < self.SHARE:
            return
        yield self.finding(
            run,
            Severity.ERROR,
            "gradients are never cleared: every step adds to those of all steps before",
            steps=(1, run.steps - 1),
            location=run.loss_function.location or run.optimizer.step_location,
            evidence={"stale_gradient": sum(stale) / len(stale)},
            confidence=0.97,
        )
