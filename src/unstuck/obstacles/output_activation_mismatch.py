"""U803 output-activation-mismatch."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar

from unstuck.evidence import RANGES, middle
from unstuck.findings import Finding, Severity
from unstuck.obstacles import Obstacle
from unstuck.signals import Activation, Run
from unstuck.sketch import plateau, sketch

_REGRESSION = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss")


class OutputActivationMismatch(Obstacle):
    """The last activation cannot produce what the loss wants.

    What it does:
        Compares the range of the activation behind the last layer with the targets, and with what
        the loss expects.

    Why is this bad?
        A ReLU gives no negative number, a sigmoid none above 1, a softmax over one unit always 1:
        part of the targets cannot be reached, and where the activation is flat nothing is learned.

    Evidence:
        Targets of a regression outside the activation's range (in more than MARGIN of its width, or
        negative behind a ReLU); a ReLU in front of a cross-entropy on logits; a softmax over a
        single unit; predictions below 0 or above 1, by more than MARGIN, in front of a loss that
        takes probabilities (as Keras' cross-entropies do unless told otherwise). Facts of the
        wiring and of the data.

    Known problems:
        Activations written by hand from other operations are not recognized.

    Remedies:
        No activation for regression and for losses on logits.

    References:
        UMLAUT, CHI 2021; NeuraLint, TOSEM 2021.
    """

    code = "U803"
    remedies = ("fix-output-activation",)
    explains = (
        "dead-relu",
        "saturated-activation",
        "vanishing-gradient",
        "underfitting",
        "slow-convergence",
        "unscaled-targets",
        "learning-rate-too-low",
        "oscillating-loss",
        "frozen-parameters",
        "uneven-gradient-scale",
        "symmetric-initialization",
        "overfitting",
        "learning-rate-too-high",
    )
    MARGIN: ClassVar[float] = 0.05

    SICK: ClassVar[Run] = sketch(
        loss=plateau,
        function="mse_loss",
        run={"target_min": -2.0, "target_max": 2.0},
        facts={"loss_inputs": [["mse_loss", "relu", "1"]]},
    )
    HEALTHY: ClassVar[Run] = sketch(
        function="mse_loss", facts={"loss_inputs": [["mse_loss", "addmm", None]]}
    )

    def check(self, run: Run) -> Iterator[Finding]:
        """Yield at most one finding."""
        loss = run.loss_function.function or ""
        for first, made_by, name in [tuple(p) for p in run.facts.get("loss_inputs") or []]:
            last = next((a for a in run.activations if a.name == name), None)
            kind = (
                last.kind
                if last
                else {
                    "relu": "relu",
                    "tanh": "tanh",
                    "sigmoid": "sigmoid",
                    "softmax": "softmax",
                }.get(made_by, "")
            )
            said = self._said(run, loss, kind, last) or self._no_probabilities(run, first, kind)
            if not said:
                continue
            layer = next((la for la in run.layers if la.output and la.matrix), None)
            yield self.finding(
                run,
                Severity.ERROR,
                said,
                layers=[last.name] if last else [layer] if layer else [],
                location=(last.location if last else None) or (layer.location if layer else None),
                evidence={
                    "activation": kind,
                    "target_min": _extreme(run, "target_min"),
                    "target_max": _extreme(run, "target_max"),
                },
                confidence=0.95,
            )
            return

    def _no_probabilities(self, run: Run, first: str, kind: str) -> str:
        """Say that a loss on probabilities is given something else."""
        if first not in ("log", "binary_cross_entropy") or kind in ("sigmoid", "softmax"):
            return ""
        least, most = _extreme(run, "prediction_min"), _extreme(run, "prediction_max")
        if not (least < -self.MARGIN or most > 1 + self.MARGIN):
            return ""
        maker = f"a {kind}" if kind else "a layer without an activation"
        return (
            f"the loss takes probabilities, but {maker} gives it values between {least:.3g} and "
            f"{most:.3g}"
        )

    def _said(self, run: Run, loss: str, kind: str, last: Activation | None) -> str:
        shape = run.loss_function.prediction_shape
        single = bool(shape) and (len(shape) == 1 or shape[-1] == 1)
        if kind == "softmax" and single and (last is None or last.units == 1 or len(shape) > 1):
            constant = run.of("prediction_std")
            if constant and max(constant) < 1e-6:
                return "a softmax over a single unit is always 1"
        low, high = RANGES.get(kind, (-math.inf, math.inf))
        if kind in ("relu", "relu6") and loss in (
            "cross_entropy",
            "binary_cross_entropy_with_logits",
        ):
            return "a ReLU cuts off the negative logits that the loss needs"
        if loss not in _REGRESSION or not math.isfinite(low):
            return ""
        least, most = _extreme(run, "target_min"), _extreme(run, "target_max")
        if not (math.isfinite(least) and math.isfinite(most)):
            return ""
        slack = self.MARGIN * ((high - low) if math.isfinite(high) else max(most, 1e-12))
        if least < low - slack or most > high + slack:
            reach = f"[{low:g}, {high:g}]" if math.isfinite(high) else "0 and above"
            return (
                f"a {kind} gives values in {reach}, but the targets lie between "
                f"{least:.3g} and {most:.3g}"
            )
        return ""


def _extreme(run: Run, signal: str) -> float:
    values = [v for v in run.of(signal) if math.isfinite(v)]
    if not values:
        return math.nan
    # An outlier or two is no reason: the middle of the batches' own extremes counts.
    return middle(values)
