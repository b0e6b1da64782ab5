"""U202 saturated-activation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from unstuck.evidence import descent, middle, typical
from unstuck.findings import Finding, Severity
from unstuck.obstacles import Obstacle
from unstuck.signals import Run
from unstuck.sketch import plateau, sketch


class SaturatedActivation(Obstacle):
    """Sigmoid or tanh units are pinned at their flat ends, where no gradient passes.

    What it does:
        Measures in each hidden sigmoid and tanh layer the share of outputs within 1 % of an end.

    Why is this bad?
        Within 1 % of its end a sigmoid passes less than 1 % of the gradient, a tanh less than 4 %.

    Evidence:
        `saturated_share` above SHARE (the median of the first or of the last samples) in a run that
        learned poorly. SageMaker Debugger and DeepDiagnosis alarm at 50 % of a layer as well.
        Where units saturate only after the start, and the first layers' gradient was below FLOW of
        the last one's before, vanishing-gradient is the cause and this a consequence.
        Output activations are left out: a good classifier saturates its sigmoid.

    Known problems:
        Gates inside LSTM and GRU layers are not seen.

    Remedies:
        Smaller initial weights (Xavier), inputs of unit scale, ReLU, batch normalization.

    References:
        Glorot and Bengio, AISTATS 2010; LeCun et al., Efficient BackProp, 1998.
    """

    code = "U202"
    remedies = (
        "use-xavier-initialization",
        "use-relu",
        "scale-inputs",
        "add-batch-norm",
        "lower-learning-rate",
    )
    explains = (
        "vanishing-gradient",
        "learning-rate-too-low",
        "slow-convergence",
        "underfitting",
        "uneven-gradient-scale",
        "oscillating-loss",
    )
    SHARE: ClassVar[float] = 0.5
    FLOW: ClassVar[float] = 1e-2

    SICK: ClassVar[Run] = sketch(activation="tanh", loss=plateau, layers={"saturated_share": 0.85})
    HEALTHY: ClassVar[Run] = sketch(activation="tanh", layers={"saturated_share": 0.1})

    def check(self, run: Run) -> Iterator[Finding]:
        """Yield at most one finding, its layers those that are saturated."""
        if not descent(run).poor:
            return
        shares: dict[str, float] = {}
        for active in run.activations:
            series = run.of("saturated_share", active.name)
            if active.kind not in ("sigmoid", "tanh") or active.output or not series:
                continue
            share = middle(series.values[-3:])
            if share >= self.SHARE:
                shares[active.name] = share
        if not shares:
            return
        names = [a.name for a in run.activations if a.name in shares]
        worst = max(names, key=lambda name: shares[name])
        culprit = next(a for a in run.activations if a.name == names[0])
        series = run.of("saturated_share", culprit.name)
        start = next(s for s, v in zip(series.steps, series.values, strict=True) if v >= self.SHARE)
        feeding = [la.name for la in run.layers if la.activation_name in shares]
        # Units that only drift to their ends later, behind a gradient that never reached them.
        followed = start > 0 and self._starved(run)
        yield self.finding(
            run,
            Severity.WARNING if followed else Severity.ERROR,
            f"{shares[worst]:.0%} of the outputs of `{worst}` sit at the flat ends of its "
            f"{culprit.kind} {'from the first step on' if start == 0 else f'since step {start}'}",
            layers=names + feeding,
            steps=(start, run.steps - 1),
            location=culprit.location,
            evidence={"saturated_share": shares},
            confidence=0.6 if followed else 0.97,
        )

    def _starved(self, run: Run) -> bool:
        """Return whether the first layer's gradient was small before anything saturated."""
        sizes = [typical(run, "gradient_rms", la.name, 5) for la in run.weights]
        return len(sizes) >= 3 and min(sizes[: len(sizes) // 2]) < self.FLOW * sizes[-1]
