"""U401 learning-rate-too-high."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar

from unstuck.evidence import (
    Descent,
    broken_at_once,
    descent,
    early,
    has_floor,
    middle,
    own_losses,
    ratio,
    shown_rate,
)
from unstuck.findings import Finding, Severity
from unstuck.obstacles import Obstacle
from unstuck.signals import Run, Series
from unstuck.sketch import sketch


class LearningRateTooHigh(Obstacle):
    """Steps overshoot: each goes beyond the minimum along its direction.

    What it does:
        Compares what each early step promises (minus gradient times step) with the loss that there
        is, and how far it moves the weights, in a run whose loss jumps up or does not come down.

    Why is this bad?
        Training bounces, loses what it had, kills units or ends in infinities.

    Evidence:
        A step that promises to take off more than PROMISE times the whole loss is too long for any
        loss that cannot fall below zero: Polyak's step (1987), loss / |gradient|^2, promises
        exactly 1 (the second longest of the early steps counts; losses without a floor, such as a
        critic's, are not judged by it). Or steps that change weights by
        more than MOVE of their size, eight samples in a row: healthy steps change them by 4e-3 to
        2e-2 (measured; TheDeepChecker warns above 0.1). Either must come in the first STEPS steps,
        together with a loss that rose above JUMP times its start, became infinite, never came down,
        or bounces: the steps are as wide in the second half of the run, and the loss has not
        fallen by a tenth since the first twelfth.

    Known problems:
        A rate that only becomes too high late is reported by what it does (oscillating-loss,
        diverging-loss).

    Remedies:
        A lower learning rate; warm-up; clipping.

    References:
        Polyak, Introduction to Optimization, 1987; Smith, WACV 2017.
    """

    code = "U401"
    remedies = ("lower-learning-rate", "use-adam", "clip-gradients", "add-batch-norm", "warm-up")
    explains = (
        "dead-relu",
        "saturated-activation",
        "exploding-gradient",
        "diverging-loss",
        "oscillating-loss",
        "non-finite-values",
        "vanishing-gradient",
        "zigzag-descent",
        "uneven-gradient-scale",
        "slow-convergence",
        "underfitting",
        "overfitting",
        "excessive-regularization",
    )
    PROMISE: ClassVar[float] = 1.0
    MOVE: ClassVar[float] = 0.1
    JUMP: ClassVar[float] = 2.0
    STEPS: ClassVar[int] = 60

    SICK: ClassVar[Run] = sketch(
        loss=lambda s: 2.3 if s == 0 else 30 / (1 + s) + 2.4,
        settings={"lr": 10.0},
        layers={"update_ratio": 0.8},
        run={"predicted_decrease": 50.0},
    )
    HEALTHY: ClassVar[Run] = sketch(layers={"update_ratio": 0.02}, run={"predicted_decrease": 0.2})

    def check(self, run: Run) -> Iterator[Finding]:
        """Yield at most one finding."""
        went = descent(run)
        if went.count < 2 or not math.isfinite(went.initial):
            return
        start = early(run.loss)
        highest = max((v for v in start if math.isfinite(v)), default=math.nan)
        broke = any(not math.isfinite(v) for v in run.loss)
        jumped = went.initial > 0 and highest > self.JUMP * max(
            went.initial, next(iter(start), 0.0)
        )
        if not (went.poor or broke or (jumped and not went.achieved > 0.9)):
            return
        if middle(early(run.of("predicted_decrease")).values) < 0:
            return  # the steps lead up the gradient: no rate would do
        at_once = broken_at_once(own_losses(run).values)
        promise = self._promise(run, at_once=at_once) if has_floor(run) else 0.0
        moves = {
            la.name: max(_finite(early(run.of("update_ratio", la.name)).values[:10]), default=0.0)
            for la in run.weights
        }
        # A layer of zeros or tiny weights moves far in relation: the middle layer counts.
        moved = [self._move(run, la.name, at_once=at_once) for la in run.weights]
        move = middle([m for m in moved if m > 0])
        far = promise > self.PROMISE
        wide = move > self.MOVE
        if not (far or wide):
            return
        bounces = move > self.MOVE and self._bounces(run, went)
        if not (jumped or broke or went.stuck or went.final > went.initial or bounces):
            return
        rate = run.of("learning_rate").at(0) or run.optimizer.settings.get("lr", math.nan)
        said = (
            f"its steps promise {promise:.2g} times the whole loss"
            if far and not promise / self.PROMISE <= move / self.MOVE
            else f"its steps change the weights by {move:.0%} of their size"
        )
        end = (
            "the loss becomes infinite"
            if broke
            else f"the loss goes from {went.initial:.3g} to {went.final:.3g}"
        )
        yield self.finding(
            run,
            Severity.ERROR,
            f"the learning rate{shown_rate(rate)} is too high: {said}, and {end}",
            steps=(0, run.steps - 1),
            location=run.optimizer.location or run.optimizer.step_location,
            evidence={
                "learning_rate": rate,
                "promise": promise,
                "update_ratio": moves,
                "loss": {"initial": went.initial, "highest": highest, "final": went.final},
            },
            confidence=0.9 if far and (jumped or broke) else 0.75,
        )

    def _move(self, run: Run, layer: str, *, at_once: bool) -> float:
        """Return the median change over the eight samples in a row that moved most.

        Where the first step broke the training, its change: none of the later ones may matter.
        """
        values = early(run.of("update_ratio", layer), self.STEPS).values
        if at_once:
            return next(iter(values), 0.0)
        windows = [values[i : i + 8] for i in range(max(len(values) - 7, 1))]
        return max((middle(w) for w in windows if w), default=0.0)

    def _bounces(self, run: Run, went: Descent) -> bool:
        """Return whether steps stay wide to the end, and the loss has long ceased to fall."""
        late = [
            middle(run.of("update_ratio", layer.name).since(run.steps // 2).values)
            for layer in run.weights
        ]
        settled = middle(run.loss.until(run.steps // 6).since(run.steps // 12).values)
        return run.steps >= 60 and middle(late) > self.MOVE and went.final > 0.9 * settled

    def _promise(self, run: Run, *, at_once: bool) -> float:
        promised = early(run.of("predicted_decrease"), self.STEPS)
        shares = [
            ratio(value, loss)
            for step, value in zip(promised.steps, promised.values, strict=True)
            if (loss := run.loss.at(step)) is not None and loss > 0 and math.isfinite(value)
        ]
        if not shares:
            return 0.0
        if at_once:  # by what the first step did
            return shares[0]
        # The second largest: one step alone may be an accident of its batch.
        return sorted(shares)[-min(2, len(shares))]


def _finite(values: tuple[float, ...]) -> Series:
    return Series((), tuple(v for v in values if math.isfinite(v)))
