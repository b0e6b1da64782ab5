"""U806 missing-nonlinearity."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from unstuck.evidence import descent
from unstuck.findings import Finding, Severity
from unstuck.obstacles import Obstacle
from unstuck.signals import Run
from unstuck.sketch import plateau, sketch


class MissingNonlinearity(Obstacle):
    """Layers follow each other without anything nonlinear in between: the network is linear.

    What it does:
        Looks in autograd's graph for anything but linear operations between the layers.

    Why is this bad?
        Linear layers in a row are one linear layer: XOR, circles and moons cannot be learned,
        however many there are.

    Evidence:
        At least two layers with weights, no activation and no other nonlinear operation before the
        last one, in a run that came less than DONE of the way (a linear problem, which such a
        network solves, is silent).

    Known problems:
        Nonlinear operations that a compiled model hides are taken to be there.

    Remedies:
        An activation such as ReLU behind each hidden layer.

    References:
        Goodfellow, Bengio and Courville, Deep Learning, 2016, section 6.1.
    """

    code = "U806"
    remedies = ("use-relu",)
    explains = (
        "underfitting",
        "slow-convergence",
        "learning-rate-too-low",
        "zigzag-descent",
        "uneven-gradient-scale",
        "vanishing-gradient",
        "mismatched-initialization",
        "full-batch-training",
        "oscillating-loss",
    )
    DONE: ClassVar[float] = 0.9

    SICK: ClassVar[Run] = sketch(loss=plateau, facts={"nonlinear": False})
    HEALTHY: ClassVar[Run] = sketch(facts={"nonlinear": True})

    def check(self, run: Run) -> Iterator[Finding]:
        """Yield at most one finding."""
        layers = [la for la in run.weights if la.affine]
        if run.facts.get("nonlinear", True) or len(layers) < 2 or len(layers) < len(run.weights):
            return
        went = descent(run)
        if went.achieved >= self.DONE or went.accuracy >= 0.95 or run.steps < 20:
            return
        yield self.finding(
            run,
            Severity.ERROR,
            f"nothing nonlinear stands between `{layers[0].name}` and `{layers[-1].name}`: "
            f"{len(layers)} layers are worth one",
            layers=layers,
            evidence={"layers": len(layers), "achieved": went.achieved},
            confidence=0.93,
        )
