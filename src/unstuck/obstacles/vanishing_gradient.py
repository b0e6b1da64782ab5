"""U101 vanishing-gradient."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar

from unstuck.evidence import Descent, descent, ratio, typical
from unstuck.findings import Finding, Severity
from unstuck.obstacles import Obstacle
from unstuck.signals import Layer, Run
from unstuck.sketch import plateau, sketch


class VanishingGradient(Obstacle):
    """Gradients shrink towards the input until the early layers stop moving.

    What it does:
        Compares the gradients of the layers, from the output back to the input, in a run that does
        not learn.

    Why is this bad?
        A layer whose gradient is a thousandth of the output's moves a thousandth as fast: the
        network is as good as its last layers on top of random features.

    Evidence:
        `gradient_rms` of each trained weight, the median over all deep samples. It is found when a
        layer in the half nearer to the input has less than RATIO of the last layer's gradient and
        the run is stuck, or less than SEVERE of it and the run learned poorly, or (a warning) less
        than EXTREME of it and the run made less than DONE of its way: Adam moves such layers all
        the same, but by the noise of what is left of their gradient. A sigmoid passes at
        most 1/4 of a gradient, and with weights of PyTorch's default scale (1/3 of the variance
        that Xavier gives) four of them leave about 4e-3, as measured on digits; healthy networks
        lie between 0.1 and 3. AutoTrainer (ICSE 2021) takes 1e-3.
        In a recurrent layer of a stuck run, `through_time`: the gradient that reaches the earliest
        time step is less than TIME of the latest step's, so what came early cannot be learned
        (Bengio, Simard and Frasconi 1994). Gated layers start like that too, and open their gates
        by training; the run has to be stuck to its end.

    Known problems:
        Fused recurrent kernels (LSTM on the CPU, all on a GPU) show no time steps. Layers behind a
        normalization are judged like any other.

    Remedies:
        ReLU passes the gradient of active units whole; He or Xavier initialization keeps its scale
        from layer to layer; batch normalization restores it.

    References:
        Hochreiter 1991; Bengio, Simard and Frasconi 1994; Glorot and Bengio, AISTATS 2010.
    """

    code = "U101"
    remedies = (
        "use-relu",
        "use-he-initialization",
        "use-adam",
        "add-batch-norm",
        "use-xavier-initialization",
        "use-leaky-relu",
    )
    explains = (
        "learning-rate-too-low",
        "slow-convergence",
        "underfitting",
        "uneven-gradient-scale",
        "zigzag-descent",
        "oscillating-loss",
        "full-batch-training",
        "frozen-parameters",
        "saturated-activation",
    )
    RATIO: ClassVar[float] = 1e-2
    SEVERE: ClassVar[float] = 1e-3
    EXTREME: ClassVar[float] = 1e-5
    DONE: ClassVar[float] = 0.75
    TIME: ClassVar[float] = 1e-4

    SICK: ClassVar[Run] = sketch(
        depth=8,
        loss=plateau,
        activation="sigmoid",
        layers={"gradient_rms": [2e-2 * 0.1 ** (8 - i) for i in range(9)]},
    )
    HEALTHY: ClassVar[Run] = sketch(depth=8, activation="sigmoid", layers={"gradient_rms": 0.02})

    def check(self, run: Run) -> Iterator[Finding]:
        """Yield at most one finding, its layers those with vanishing gradients."""
        went = descent(run)
        if not (went.poor or went.achieved < self.DONE):
            return
        found = self._over_depth(run, went) or self._over_time(run, went)
        if found is not None:
            yield found

    def _over_time(self, run: Run, went: Descent) -> Finding | None:
        shares = {
            layer.name: share
            for layer in run.weights
            if (share := typical(run, "through_time", layer.name)) < self.TIME
        }
        if not went.stuck or not shares:
            return None
        name = min(shares, key=lambda name: shares[name])
        fold = "to nothing" if shares[name] == 0 else f"{1 / shares[name]:.2g}-fold"
        return self.finding(
            run,
            Severity.ERROR,
            f"gradients shrink {fold} on the way back through the time steps of `{name}`; what "
            "comes early in a sequence is not learned",
            layers=[layer for layer in run.weights if layer.name in shares],
            evidence={"through_time": shares},
            confidence=0.85,
            notes=[
                "gated layers (LSTM, GRU), shorter sequences, or tanh with orthogonal recurrent "
                "weights keep the gradient alive over time"
            ],
            remedies=("use-xavier-initialization", "clip-gradients", "use-adam"),
        )

    def _over_depth(self, run: Run, went: Descent) -> Finding | None:
        layers = [layer for layer in run.weights if layer.kind != "Embedding"]
        if len(layers) < 3:
            return None
        sizes = {layer.name: typical(run, "gradient_rms", layer.name) for layer in layers}
        last = next((la for la in reversed(layers) if sizes[la.name] > 0), None)
        if last is None:
            return None
        half = layers[: math.ceil(len(layers) / 2)]
        smallest = min(
            (la for la in half if math.isfinite(sizes[la.name])),
            key=lambda la: sizes[la.name],
            default=None,
        )
        if smallest is None or smallest is last:
            return None
        share = ratio(sizes[smallest.name], sizes[last.name])
        limit = self.RATIO if went.stuck else self.SEVERE if went.poor else self.EXTREME
        if not share < limit:
            return None
        starved = [la for la in layers if sizes[la.name] < limit * sizes[last.name]]
        fold = "to nothing" if share == 0 else f"{1 / share:.2g}-fold"
        still = len(starved)
        return self.finding(
            run,
            Severity.ERROR if went.poor else Severity.WARNING,
            f"gradients shrink {fold} from `{last.name}` to `{smallest.name}`; "
            f"{'the first layer does' if still == 1 else f'{still} layers do'} not learn",
            layers=starved or [smallest],
            evidence={
                "gradient_rms": {la.name: sizes[la.name] for la in layers},
                "update_ratio": {la.name: typical(run, "update_ratio", la.name) for la in layers},
            },
            confidence=0.95 if share < limit / 10 else 0.8,
            notes=_why(layers, smallest, last),
        )


def _why(layers: list[Layer], first: Layer, last: Layer) -> list[str]:
    between = layers[layers.index(first) : layers.index(last)]
    sigmoids = sum(la.activation == "sigmoid" for la in between)
    if sigmoids >= 2:
        left = 0.25**sigmoids
        return [f"a sigmoid passes at most 1/4 of a gradient; {sigmoids} of them leave {left:.1g}"]
    tanhs = sum(la.activation == "tanh" for la in between)
    if tanhs >= 2:
        return ["a tanh passes less than the whole gradient wherever it is not near zero"]
    return []
