"""U301 mismatched-initialization."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import ClassVar

from unstuck.evidence import activation, descent, held_out_end, middle, ratio
from unstuck.findings import Finding, Severity
from unstuck.obstacles import Obstacle
from unstuck.signals import Layer, Run
from unstuck.sketch import plateau, sketch

GAINS: Mapping[str, float] = {"relu": 2**0.5, "relu6": 2**0.5, "leaky_relu": 2**0.5}
"""What He's initialization multiplies with, for the ReLU family; Xavier's factor is 1."""


OTHERS = ("Embedding", "RNN", "LSTM", "GRU", "Multihead")
"""Kinds of layers whose weights are not scaled by one fan-in."""

_OTHERS = ("Embedding", "RNN", "SimpleRNN", "LSTM", "GRU", "Multihead")
"""Kinds of layers with rules of their own."""


class MismatchedInitialization(Obstacle):
    """The scale of the initial weights does not fit the activation: signals shrink or grow.

    What it does:
        Follows how much each layer's output varies over the first batch, from the first hidden
        layer to the last, and compares the weights' scale with what He (ReLU family) or Xavier
        (sigmoid, tanh) would give.

    Why is this bad?
        A factor of 0.4 or 2.5 per layer is a factor of a thousand after eight layers: either all
        inputs look the same to the last layer, or the outputs and the first steps are huge.

    Evidence:
        In the first deep sample: the ratio of `sample_std` between the last and the first hidden
        layer outside [1 / SPAN, SPAN], a shrinking one only where the weights are more than FIT
        times too small (else biases or dead units swallow it); or weights more than OFF times too
        large while the loss starts above LOSS times that of guessing, or while SATURATED of a
        sigmoid or tanh layer's outputs are already at its ends (in a run that learned poorly, or
        where they stay there and validation ends at twice the training loss: only the last layer
        learns). A library's default alone is no finding: PyTorch's Linear
        has a sixth of He's variance, which a shallow network does not feel. Sigmoid stacks shrink
        the signal by themselves (their slope is at most 1/4), so there only weights more than OFF
        times off count. For ten classes the loss of healthy networks starts at 2.3-3.5, that of
        He-initialized deep ones included; N(0, 1) weights give 5e3 and more (measured).

    Known problems:
        Weights set after the first step are not seen.

    Remedies:
        He initialization for the ReLU family, Xavier for sigmoid and tanh.

    References:
        Glorot and Bengio, AISTATS 2010; He et al., ICCV 2015.
    """

    code = "U301"
    remedies = (
        "use-he-initialization",
        "use-xavier-initialization",
        "add-batch-norm",
        "use-relu",
        "use-adam",
    )
    explains = (
        "vanishing-gradient",
        "exploding-gradient",
        "saturated-activation",
        "dead-relu",
        "diverging-loss",
        "non-finite-values",
        "learning-rate-too-high",
        "learning-rate-too-low",
        "slow-convergence",
        "oscillating-loss",
        "zigzag-descent",
        "uneven-gradient-scale",
        "underfitting",
        "overfitting",
    )
    SPAN: ClassVar[float] = 100.0
    OFF: ClassVar[float] = 3.0
    FIT: ClassVar[float] = 1.2
    LOSS: ClassVar[float] = 3.0
    SATURATED: ClassVar[float] = 0.5

    SICK: ClassVar[Run] = sketch(
        depth=8,
        loss=plateau,
        layers={
            "sample_std": [0.5 * 0.3**i for i in range(9)],
            "weight_rms": 0.03,
        },
    )
    HEALTHY: ClassVar[Run] = sketch(depth=8, layers={"sample_std": 0.5, "weight_rms": 0.18})

    def check(self, run: Run) -> Iterator[Finding]:
        """Yield at most one finding."""
        layers = [la for la in run.weights if la.fan_in and not la.kind.startswith(_OTHERS)]
        hidden = [la for la in layers if not la.output]
        if not hidden or sum(la.activation == "exponential" for la in hidden) > len(hidden) / 2:
            return  # an exponential explodes by itself
        went = descent(run)
        scale = {la.name: self._scale(run, la) for la in layers}
        spread = {la.name: _first(run, "sample_std", la.name) for la in hidden}
        # What attention's softmax is given has masks in it.
        known = [la for la in hidden if not la.normalized and la.activation != "softmax"]
        known = [la for la in known if math.isfinite(spread[la.name])]
        span = ratio(spread[known[-1].name], spread[known[0].name]) if len(known) >= 3 else 1.0
        if len(known) >= 3 and spread[known[-1].name] == 0 == spread[known[0].name]:
            span = 1.0
        typical_scale = middle([scale[la.name] for la in hidden])
        sigmoids = sum(la.activation == "sigmoid" for la in known) > len(known) / 2
        high = math.isfinite(went.trivial) and went.initial > self.LOSS * went.trivial
        evidence = {"sample_std": spread, "weight_scale": scale, "loss": went.initial}
        pinned = [
            la
            for la in hidden
            if _first(run, "saturated_share", la.activation_name or "") > self.SATURATED
        ]
        large = [la for la in layers if scale[la.name] > self.OFF]
        shrunk = typical_scale < (1 / self.OFF if sigmoids else 1 / self.FIT)
        dead = any(_first(run, "dead_share", la.activation_name or "") > 0.9 for la in hidden)
        if span < 1 / self.SPAN and went.poor and shrunk and not dead:
            yield self.finding(
                run,
                Severity.ERROR,
                f"the signal shrinks {1 / span if span else math.inf:.2g}-fold from "
                f"`{known[0].name}` to `{known[-1].name}`: initial weights are "
                f"{ratio(1.0, typical_scale):.2g} times too small for "
                f"{known[0].activation or 'their depth'}",
                layers=known,
                steps=(0, 0),
                evidence=evidence,
                confidence=0.9,
            )
        elif (span > self.SPAN and (went.poor or high)) or (
            large and typical_scale > 1.5 and (high or not math.isfinite(went.initial))
        ):
            culprits = large or known
            yield self.finding(
                run,
                Severity.ERROR if went.poor or high else Severity.WARNING,
                f"initial weights are {scale[culprits[0].name]:.2g} times too large for "
                f"{culprits[0].activation or 'their layer'}: "
                f"the signal grows {span:.2g}-fold and the loss starts at {went.initial:.3g}",
                layers=culprits,
                steps=(0, 0),
                evidence=evidence,
                confidence=0.9,
            )
        elif pinned and large and (went.poor or self._memorizes(run, pinned)):
            culprit = pinned[0]
            yield self.finding(
                run,
                Severity.ERROR,
                f"initial weights are {scale[large[0].name]:.2g} times too large for "
                f"{culprit.activation}: `{culprit.activation_name}` is saturated before the first "
                "step",
                layers=large,
                steps=(0, 0),
                evidence={**evidence, "saturated_share": _saturation(run)},
                confidence=0.9,
            )

    def _memorizes(self, run: Run, pinned: list[Layer]) -> bool:
        """Return whether only the last layer learns, on top of units pinned to the very end."""
        still = all(
            middle(run.of("saturated_share", la.activation_name or "").values[-3:]) > self.SATURATED
            for la in pinned
        )
        return still and held_out_end(run)[0] > 2 * descent(run).final

    def _scale(self, run: Run, layer: Layer) -> float:
        """Return the weights' scale over that of He or Xavier; NaN if not measured."""
        weight = _first(run, "weight_rms", layer.name)
        fan = layer.fan_in
        if not layer.kind.startswith(("Linear", "Conv", "NonDynamic")):
            fan = min(fan, layer.fan_out or fan)  # which way a module of the script multiplies
        gain = GAINS.get(layer.activation or "", 1.0)
        return weight * math.sqrt(fan) / gain


def _first(run: Run, signal: str, name: str) -> float:
    series = run.of(signal, name)
    return series[0] if series and series.steps[0] < 3 else math.nan


def _saturation(run: Run) -> dict[str, float]:
    names = [la.activation_name for la in run.layers if la.activation_name]
    return {n: _first(run, "saturated_share", n) for n in names if activation(run, n)}
