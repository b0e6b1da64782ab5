"""U201 dead-relu."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from unstuck.evidence import Descent, descent, middle, ratio
from unstuck.findings import Finding, Severity
from unstuck.obstacles import Obstacle
from unstuck.signals import Run
from unstuck.sketch import plateau, sketch

_AT_OUTPUT = ("fix-output-activation", "lower-learning-rate", "use-he-initialization", "use-adam")


class DeadRelu(Obstacle):
    """Units of a ReLU layer are zero for every input, and can never come back.

    What it does:
        Counts in each ReLU layer the units that put out zero for all rows of the last sampled
        batches.

    Why is this bad?
        Where a ReLU is zero its gradient is zero: a unit that is zero for all inputs gets no
        gradient any more. A layer of dead units passes nothing on and lets nothing back.

    Evidence:
        `dead_share`, over a window of eight sampled batches. An error when it stays above DEAD in a
        layer of a run that learned poorly. Healthy networks have 0-22 % dead units in their worst
        layer, 46 % was seen once (measured on Fashion-MNIST); SageMaker Debugger alarms at 50 %.
        A ReLU at the output is reported from OUTPUT on, in a run that came less than REST of the
        way: there each dead unit is a target that is never met. So is one whose outputs that are
        the same for every row (`silent_outputs`) make up SILENT of the loss that is left at the
        end: a pixel that is always black may be dead, one that is not may not. (Measured: 0.26 and
        0.30 in an autoencoder of digits whose ReLU output is dead in part, 0 in a regression
        without one.)

    Known problems:
        With batches of a few rows a unit that fires rarely looks dead for a while.

    Remedies:
        A leaky ReLU keeps a gradient below zero; a lower learning rate or He initialization keeps
        units from being thrown there. At the output no activation is needed.

    References:
        Maas, Hannun and Ng, ICML 2013; Lu et al. 2019 (arXiv 1903.06733).
    """

    code = "U201"
    remedies = (
        "use-leaky-relu",
        "lower-learning-rate",
        "use-he-initialization",
        "add-batch-norm",
        "use-adam",
        "fix-output-activation",
    )
    explains = (
        "vanishing-gradient",
        "learning-rate-too-low",
        "slow-convergence",
        "underfitting",
        "uneven-gradient-scale",
        "zigzag-descent",
        "oscillating-loss",
        "full-batch-training",
    )
    DEAD: ClassVar[float] = 0.9
    OUTPUT: ClassVar[float] = 0.5
    REST: ClassVar[float] = 0.9
    SILENT: ClassVar[float] = 0.2

    SICK: ClassVar[Run] = sketch(
        loss=plateau, layers={"dead_share": lambda s: 1.0 if s > 10 else 0.2}
    )
    HEALTHY: ClassVar[Run] = sketch(layers={"dead_share": 0.4})

    def check(self, run: Run) -> Iterator[Finding]:
        """Yield at most one finding, its layers the dead ones, the deadest first."""
        went = descent(run)
        if not (went.poor or went.achieved < self.REST):
            return
        shares: dict[str, float] = {}
        since: dict[str, int] = {}
        for active in run.activations:
            series = run.of("dead_share", active.name)
            if active.kind not in ("relu", "relu6") or len(series) < 3 or active.units < 2:
                continue
            latest = middle(series.values[-3:])
            limit = self.OUTPUT if active.output else self.DEAD
            if active.output and self._unmet(run, went) > self.SILENT:
                limit = min(limit, latest)
            if latest > 0 and latest >= limit and (went.poor or active.output):
                shares[active.name] = latest
                pairs = zip(series.steps, series.values, strict=True)
                since[active.name] = next(s for s, v in pairs if v >= min(limit, latest))
        if not shares:
            return
        names = sorted(shares, key=lambda name: (since[name], -shares[name]))
        culprit = next(a for a in run.activations if a.name == names[0])
        feeding = [la for la in run.layers if la.activation_name in shares]
        start = since[culprit.name]
        yield self.finding(
            run,
            Severity.ERROR,
            f"{shares[culprit.name]:.0%} of the units of `{culprit.name}` are zero for every "
            f"input {'from the first step on' if start == 0 else f'since step {start}'}",
            layers=names + [la.name for la in feeding],
            steps=(start, run.steps - 1),
            location=culprit.location or next((la.location for la in feeding), None),
            evidence={"dead_share": shares},
            remedies=_AT_OUTPUT if culprit.output else self.remedies[:-1],
            confidence=0.95 if shares[culprit.name] > 0.98 else 0.8,
            notes=(
                ()
                if start == 0
                else (f"the learning rate was {run.of('learning_rate').at(start):g} then",)
            )
            if run.of("learning_rate").at(start) is not None
            else (),
        )

    def _unmet(self, run: Run, went: Descent) -> float:
        """Return the part of the last loss that is due to outputs which never change."""
        return ratio(middle(run.of("silent_outputs").values[-3:]), 1 - went.achieved)
