"""U503 excessive-regularization."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import ClassVar

from unstuck.evidence import descent, middle, typical
from unstuck.findings import Finding, Severity
from unstuck.obstacles import Obstacle
from unstuck.signals import Layer, Run, Series
from unstuck.sketch import plateau, sketch


class ExcessiveRegularization(Obstacle):
    """Weight decay, a penalty in the loss, or dropout crush the model.

    What it does:
        Compares the pull of the weight decay with the gradients, the penalty's share with the loss,
        and looks at the dropout rates, in a run that learned poorly.

    Why is this bad?
        Where the pull towards zero is stronger than the gradient, weights go to zero whatever the
        data say; where nearly all units are dropped, nothing gets through.

    Evidence:
        Weight decay times the weights' size above PULL times the gradient in most layers at the
        end (their balance is 1 for a model that has settled) with a decay of at least DECAY; or
        more than PENALTY of the loss that backward starts from is not the loss function's (at the
        end, or in the first steps of a run that is stuck and whose weights, or the outputs of whose
        hidden layers, have shrunk to less than CRUSHED of what they were), or more than BALANCE at
        the end while the loss function's own part is still LEFT of the trivial loss (data and
        penalty balance there); or a dropout rate of at least DROP (0.5 is the usual one, Srivastava
        et al. 2014).

    Known problems:
        AdamW, and in Keras every optimizer but SGD, applies its decay beside the gradient; only
        decays above 1 are judged there.

    Remedies:
        Divide the strength by ten or more; dropout of 0.5 or less.

    References:
        Krogh and Hertz, 1991; Srivastava et al., JMLR 2014.
    """

    code = "U503"
    remedies = ("lighten-regularization",)
    explains = (
        "underfitting",
        "slow-convergence",
        "vanishing-gradient",
        "dead-relu",
        "learning-rate-too-low",
        "learning-rate-too-high",
        "uneven-gradient-scale",
        "oscillating-loss",
        "symmetric-initialization",
        "zigzag-descent",
        "saturated-activation",
        "class-imbalance",
        "overfitting",
        "full-batch-training",
    )
    PULL: ClassVar[float] = 0.5
    DECAY: ClassVar[float] = 0.02
    PENALTY: ClassVar[float] = 0.5
    BALANCE: ClassVar[float] = 0.3
    LEFT: ClassVar[float] = 0.4
    CRUSHED: ClassVar[float] = 0.1
    DROP: ClassVar[float] = 0.8

    SICK: ClassVar[Run] = sketch(loss=plateau, settings={"lr": 0.1, "weight_decay": 0.5})
    HEALTHY: ClassVar[Run] = sketch(settings={"lr": 0.1, "weight_decay": 1e-4})

    def check(self, run: Run) -> Iterator[Finding]:
        """Yield at most one finding."""
        went = descent(run)
        if not (went.poor or went.achieved < 0.6) or run.steps < 20:
            return
        decay = run.optimizer.settings.get("weight_decay", 0.0)
        name = run.optimizer.name.lower()
        decoupled = name == "adamw" or (run.framework == "keras" and name != "sgd")
        pulls = {
            la.name: decay
            * _late(run, "weight_rms", la.name)
            / max(_late(run, "gradient_rms", la.name), 1e-30)
            for la in run.weights
        }
        strong = middle(list(pulls.values())) > self.PULL and decay >= self.DECAY
        drops = [p for p in run.facts.get("dropout") or [] if p >= self.DROP]
        late = run.of("batch_loss").since(run.steps // 2)
        share = self._penalty(run, late)
        left = middle(late.values[-8:])
        balanced = share > self.BALANCE and left > self.LEFT * went.trivial
        evidence: dict[str, object] = {}
        if strong and (not decoupled or decay > 1):
            said = f"a weight decay of {decay:g} pulls the weights to zero harder than the data do"
            evidence = {"pull": pulls, "weight_decay": decay}
        elif share > self.PENALTY or balanced:
            said = f"{share:.0%} of the loss is a penalty on the weights"
            evidence = {"penalty": share}
        elif drops:
            said = f"dropout takes away {max(drops):.0%} of the units"
            evidence = {"dropout": max(drops)}
        elif (
            went.stuck
            and (first := self._penalty(run, run.of("batch_loss"), slice(3))) > self.PENALTY
            and (crushed := self._crushed(run))
        ):
            said = f"the penalty on {crushed}, {first:.0%} of the first losses, crushes them"
            evidence = {"penalty": first}
        else:
            return
        yield self.finding(
            run,
            Severity.ERROR,
            f"{said}, and the model learns little",
            location=run.loss_function.location
            if "penalty" in evidence
            else run.optimizer.location,
            evidence=evidence,
            confidence=0.88,
        )

    def _crushed(self, run: Run) -> str:
        """Return what has shrunk to nothing: the weights or the hidden outputs, or ""."""
        hidden = [la for la in run.weights if not la.output]
        if self._left(run, "weight_rms", run.weights) < self.CRUSHED:
            return "weights"
        return "outputs" if self._left(run, "sample_std", hidden) < self.CRUSHED else ""

    def _left(self, run: Run, signal: str, layers: Sequence[Layer]) -> float:
        """Return how much of a signal's first value is left at the end, in the middle layer."""
        return middle(
            [
                sizes[-1] / sizes[0]
                for la in layers
                if (sizes := run.of(signal, la.name).values) and sizes[0] > 0
            ]
        )

    def _penalty(self, run: Run, own: Series, part: slice = slice(-8, None)) -> float:
        """Return the penalty's share of some of the losses whose own part was measured."""
        shares = [
            1 - value / whole
            for step, value in zip(own.steps, own.values, strict=True)
            if (whole := run.loss.at(step)) is not None and whole > 0 and 0 <= value <= whole
        ]
        if run.loss_function.reduction != "mean":
            return math.nan
        return middle(shares[part])


def _late(run: Run, signal: str, layer: str) -> float:
    values = run.of(signal, layer).values
    return middle(values[-max(len(values) // 4, 3) :]) if values else typical(run, signal, layer)
