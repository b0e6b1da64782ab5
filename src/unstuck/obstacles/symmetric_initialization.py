"""U302 symmetric-initialization."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from unstuck.evidence import descent
from unstuck.findings import Finding, Severity
from unstuck.obstacles import Obstacle
from unstuck.signals import Run
from unstuck.sketch import plateau, sketch

_OTHERS = ("Embedding", "RNN", "SimpleRNN", "LSTM", "GRU", "Multihead")
"""Kinds of layers whose equal rows mean something else."""


class SymmetricInitialization(Obstacle):
    """All units of a hidden layer start with the same weights and never become different.

    What it does:
        Compares the weights of the units of each hidden layer, at the start and after some steps.

    Why is this bad?
        Units with equal weights in and out compute the same and get the same gradient: the layer
        works like one unit, however wide it is. With zeros, gradients are zero as well.

    Evidence:
        `unit_spread` below SPREAD in every deep sample, from the first to the last, at least three
        of them. Equal output weights alone are fine, since each output has its own target; so are a
        zero-initialized linear model and the constant scales of normalization layers.

    Known problems:
        A layer whose units agree in its weights but differ in their biases counts as symmetric as
        long as the weights stay equal.

    Remedies:
        Random weights: He for the ReLU family, Xavier for sigmoid and tanh.

    References:
        Goodfellow, Bengio and Courville, Deep Learning, 2016, section 8.4.
    """

    code = "U302"
    remedies = ("use-he-initialization", "use-xavier-initialization")
    explains = (
        "mismatched-initialization",
        "vanishing-gradient",
        "dead-relu",
        "saturated-activation",
        "learning-rate-too-low",
        "learning-rate-too-high",
        "slow-convergence",
        "oscillating-loss",
        "zigzag-descent",
        "uneven-gradient-scale",
        "underfitting",
        "exploding-gradient",
    )
    SPREAD: ClassVar[float] = 1e-4

    SICK: ClassVar[Run] = sketch(loss=plateau, layers={"unit_spread": [0.0, 0.0, 0.0, 1.2]})
    HEALTHY: ClassVar[Run] = sketch(layers={"unit_spread": [1.4, 1.4, 1.4, 0.0]})

    def check(self, run: Run) -> Iterator[Finding]:
        """Yield at most one finding, its layers the symmetric ones."""
        symmetric = [
            layer
            for layer in run.weights
            if not layer.output
            and layer.shape[0] >= 2
            and not layer.kind.startswith(
                ("Embedding", "RNN", "SimpleRNN", "LSTM", "GRU", "Multihead")
            )
            and len(run.of("unit_spread", layer.name)) >= 3
            and max(run.of("unit_spread", layer.name)) < self.SPREAD
        ]
        if not symmetric:
            return
        first = symmetric[0]
        zero = run.of("weight_rms", first.name).at(run.steps) == 0
        yield self.finding(
            run,
            Severity.ERROR if descent(run).poor else Severity.WARNING,
            f"the {first.shape[0]} units of `{first.name}` have "
            f"{'only zeros as' if zero else 'all the same'} weights and stay alike",
            layers=symmetric,
            evidence={
                "unit_spread": {la.name: max(run.of("unit_spread", la.name)) for la in symmetric}
            },
            confidence=0.97,
        )
