"""U407 uneven-gradient-scale."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar

from unstuck.evidence import descent, typical
from unstuck.findings import Finding, Severity
from unstuck.obstacles import Obstacle
from unstuck.signals import Run
from unstuck.sketch import sketch

ADAPTIVE = ("adam", "rms", "ada", "lion", "lamb", "rprop", "lbfgs")
"""Parts of the names of optimizers whose steps do not depend on each parameter's gradient scale."""


class UnevenGradientScale(Obstacle):
    """Gradient scales of parameters differ by orders of magnitude under one learning rate.

    What it does:
        Compares, under plain SGD, how far the steps move the layers in relation to their weights,
        and how large the gradients of one layer's inputs are among each other.

    Why is this bad?
        A rate that suits the steep parameters leaves the flat ones where they are; one that suits
        the flat ones makes the steep ones diverge.

    Evidence:
        The median `update_ratio` of the fastest layer more than SPAN times that of the slowest
        (RARE times where the slowest is an embedding, most of whose rows a batch does not touch),
        or within one layer a `column_range` (decimal logarithm between the 10th and the 90th
        percentile of its inputs' gradients) above DECADES, in a run that learned poorly with an
        optimizer that does not rescale gradients. Healthy networks lie within a factor of ten
        (measured).

    Known problems:
        In a deep network the same pattern, ordered by depth, is vanishing-gradient, which then is
        the cause.

    Remedies:
        Adam and RMSProp divide by each parameter's own scale; inputs of one scale remove the most
        common reason.

    References:
        Tieleman and Hinton, RMSProp, 2012; Kingma and Ba, ICLR 2015.
    """

    code = "U407"
    remedies = ("use-adam", "use-rmsprop", "scale-inputs", "use-momentum")
    explains = ("slow-convergence", "underfitting", "zigzag-descent", "learning-rate-too-low")
    SPAN: ClassVar[float] = 1000.0
    RARE: ClassVar[float] = 10.0
    DECADES: ClassVar[float] = 2.0

    SICK: ClassVar[Run] = sketch(
        loss=lambda s: 2.0 + 0.3 * math.exp(-s / 100),
        layers={"update_ratio": [1e-2, 2e-6, 1e-2, 1e-2]},
    )
    HEALTHY: ClassVar[Run] = sketch()

    def check(self, run: Run) -> Iterator[Finding]:
        """Yield at most one finding."""
        if any(part in run.optimizer.name.lower() for part in ADAPTIVE):
            return
        went = descent(run)
        if run.steps < 20 or not (went.poor or (went.achieved < 0.8 and went.slope > 0.02)):
            return
        moves = {la.name: typical(run, "update_ratio", la.name) for la in run.weights}
        known = {name: m for name, m in moves.items() if math.isfinite(m) and m > 0}
        ranges = {la.name: typical(run, "column_range", la.name) for la in run.weights[:1]}
        slow = min(known, key=lambda name: known[name], default="")
        layer = run.layer(slow)
        rare = layer is not None and layer.kind.startswith("Embedding")
        span = self.RARE if rare else self.SPAN
        if len(known) >= 2 and max(known.values()) > span * known[slow]:
            fast = max(known, key=lambda name: known[name])
            yield self.finding(
                run,
                Severity.WARNING,
                f"one learning rate moves `{fast}` {known[fast] / known[slow]:.2g} times as far as "
                f"`{slow}`, in relation to their weights",
                layers=[layer] if layer else [],
                evidence={"update_ratio": moves},
                confidence=0.7,
            )
            return
        wide = {name: r for name, r in ranges.items() if math.isfinite(r) and r > self.DECADES}
        if wide:
            name = max(wide, key=lambda key: wide[key])
            layer = run.layer(name)
            yield self.finding(
                run,
                Severity.WARNING,
                f"the gradients of the inputs of `{name}` differ by a factor of "
                f"{10 ** min(wide[name], 99):.2g} under one learning rate",
                layers=[layer] if layer else [],
                location=run.optimizer.location,
                evidence={"column_range": ranges},
                confidence=0.75,
            )
