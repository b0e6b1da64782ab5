"""U601 unscaled-inputs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar

from unstuck.evidence import descent, middle
from unstuck.findings import Finding, Severity
from unstuck.obstacles import Obstacle
from unstuck.signals import Run
from unstuck.sketch import plateau, sketch


class UnscaledInputs(Obstacle):
    """The inputs' scale does not suit the network: too large, off centre, or each column its own.

    What it does:
        Looks at the training inputs' size and at the means and deviations of their columns, in a
        run that starts far too high or learns poorly.

    Why is this bad?
        Large inputs saturate or kill units and make the first steps huge; columns of different
        scale make a narrow valley, in which the largest column sets the learning rate.

    Evidence:
        The inputs' root mean square above SIZE, or columns whose deviations differ by more than
        SPAN, or a column whose mean is more than OFFSET deviations away from zero and whose size
        is above ten; together with a loss that starts above three times that of guessing, or
        poor learning. Inputs of unit scale are what initializations assume (LeCun et al. 1998).
        Unscaled inputs that do no harm (counts up to 16, say) are no finding.

    Known problems:
        Sparse count features have small deviations by nature.

    Remedies:
        Standardize with the training data's mean and deviation.

    References:
        LeCun et al., Efficient BackProp, 1998.
    """

    code = "U601"
    remedies = ("scale-inputs", "add-batch-norm", "use-adam")
    explains = (
        "mismatched-initialization",
        "exploding-gradient",
        "vanishing-gradient",
        "saturated-activation",
        "dead-relu",
        "learning-rate-too-high",
        "learning-rate-too-low",
        "diverging-loss",
        "oscillating-loss",
        "non-finite-values",
        "zigzag-descent",
        "uneven-gradient-scale",
        "slow-convergence",
        "underfitting",
    )
    SIZE: ClassVar[float] = 20.0
    SPAN: ClassVar[float] = 100.0
    OFFSET: ClassVar[float] = 10.0

    SICK: ClassVar[Run] = sketch(
        loss=plateau,
        run={"input_max": 255.0, "input_mean": 70.0, "input_std": 90.0},
        facts={"input_mean": [70.0], "input_std": [90.0]},
    )
    HEALTHY: ClassVar[Run] = sketch(facts={"input_mean": [0.3], "input_std": [0.4]})

    def check(self, run: Run) -> Iterator[Finding]:
        """Yield at most one finding."""
        means = run.facts.get("input_mean") or []
        deviations = run.facts.get("input_std") or []
        if not means or len(means) != len(deviations):
            return
        first = next(iter(run.weights), None)
        if first is None:
            return  # no layer takes the inputs: what a model of a few parameters does with them
        went = descent(run)
        high = math.isfinite(went.trivial) and went.initial > 3 * went.trivial
        if not (went.poor or high or not went.finite):
            return
        sizes = [math.hypot(m, d) for m, d in zip(means, deviations, strict=True)]
        size = math.sqrt(sum(s * s for s in sizes) / len(sizes))
        varying = [d for d in deviations if d > 1e-8]
        span = max(varying) / min(varying) if varying else 1.0
        offset = max(
            (
                abs(m) / max(d, 1e-8)
                for m, d in zip(means, deviations, strict=True)
                if abs(m) > 10 and d > 0
            ),
            default=0.0,
        )
        largest = max(range(len(sizes)), key=lambda i: sizes[i])
        if size > self.SIZE:
            where = (
                f"column {largest} reaches {sizes[largest]:.3g}"
                if len(sizes) > 1
                else (f"they reach {middle(run.of('input_max').values):.3g}")
            )
            message = f"the inputs are not scaled: their size is {size:.3g}, {where}"
        elif span > self.SPAN and len(varying) > 1 and max(sizes) > 10:
            message = f"the inputs' columns differ in scale by a factor of {span:.2g}"
        elif offset > self.OFFSET:
            message = f"an input column lies {offset:.2g} deviations away from zero"
        else:
            return
        yield self.finding(
            run,
            Severity.ERROR if went.poor or not went.finite else Severity.WARNING,
            message,
            layers=[first],
            evidence={"input_size": size, "column_span": span, "loss": went.initial},
            confidence=0.85,
        )
