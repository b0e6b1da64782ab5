"""U701 non-finite-values."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar

from unstuck.findings import Finding, Location, Severity
from unstuck.obstacles import Obstacle
from unstuck.signals import Layer, Run
from unstuck.sketch import learning, sketch


class NonFiniteValues(Obstacle):
    """NaN or infinite values: the first step, layer and operation that produced them.

    What it does:
        Looks at the loss of every step; at the first one that is not finite, asks where the
        non-finite values came from: the inputs, the weights, or an operation in between.

    Why is this bad?
        One NaN in a gradient makes every weight NaN at the next step. Nothing is learned after it.

    Evidence:
        The first step whose loss is NaN or infinite, and what the watcher found there: inputs or
        targets that are not finite, weights that were already destroyed by the step before, or else
        the first operation of the graph with a non-finite value. Or a layer whose weights were
        finite and stay NaN, whatever the loss is: TensorFlow's ReLU makes 0 of NaN.

    Known problems:
        With mixed precision, steps that the scaler skips on purpose are not counted.

    Remedies:
        If the gradients grew before: clipping, a lower learning rate. If exponentials are the
        hidden activations: others. If an operation did it (log
        of 0, division by 0, root of 0): a small constant inside it, or a loss on logits.

    References:
        pytorch issues 182156, 160016.
    """

    code = "U701"
    remedies = (
        "guard-operations",
        "use-relu",
        "clip-gradients",
        "lower-learning-rate",
        "use-adam",
        "scale-inputs",
    )
    explains = (
        "diverging-loss",
        "vanishing-gradient",
        "dead-relu",
        "oscillating-loss",
        "underfitting",
        "slow-convergence",
        "saturated-activation",
    )
    SICK: ClassVar[Run] = sketch(loss=lambda s: learning(s) if s < 30 else math.nan)
    HEALTHY: ClassVar[Run] = sketch()

    def check(self, run: Run) -> Iterator[Finding]:
        """Yield at most one finding."""
        broken = next(
            (
                s
                for s, v in zip(run.loss.steps, run.loss.values, strict=True)
                if not math.isfinite(v)
            ),
            None,
        )
        hidden = None if broken is not None else _destroyed(run)
        if hidden is not None:
            broken = hidden[1]
        if broken is None:
            return
        origin = run.facts.get("nonfinite") or {}
        place = Location.from_json(origin.get("location"))
        layer = run.layer(origin.get("layer") or "")
        said = origin.get("what") or "the loss"
        if rows := origin.get("rows"):
            named = ", ".join(map(str, rows)) + ("…" if origin["bad_rows"] > len(rows) else "")
            said += f", in {origin['bad_rows']} of {origin['batch']} rows of the batch ({named})"
        infinite = abs(run.loss.at(broken) or 0) == math.inf
        what = f"the loss is {'infinite' if infinite else 'NaN'}"
        if hidden is not None:  # a ReLU may make 0 of NaN
            layer = layer or hidden[0]
            what = f"the weights of `{hidden[0].name}` are NaN, which the loss does not show,"
        yield self.finding(
            run,
            Severity.ERROR,
            f"{what} at step {broken}: {said}",
            layers=[layer] if layer else [],
            steps=(broken, run.steps - 1),
            location=place or (layer.location if layer else None) or run.loss_function.location,
            evidence={
                "step": broken,
                **{k: v for k, v in origin.items() if k in ("operation", "rows")},
            },
            confidence=0.95,
        )


def _destroyed(run: Run) -> tuple[Layer, int] | None:
    """Return the first layer whose weights were finite and are NaN to the end, and since when."""
    for layer in run.weights:
        sizes = run.of("weight_rms", layer.name)
        lost = next((s for s, v in sizes.pairs() if math.isnan(v)), None)
        if lost is not None and not math.isnan(sizes[0]) and math.isnan(sizes[-1]):
            return layer, lost
    return None
