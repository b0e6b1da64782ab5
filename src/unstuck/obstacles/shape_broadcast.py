"""U805 shape-broadcast."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar

from unstuck.findings import Finding, Location, Severity
from unstuck.obstacles import Obstacle
from unstuck.signals import Loss, Run
from unstuck.sketch import sketch

_ELEMENTWISE = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "poisson_nll_loss")


class ShapeBroadcast(Obstacle):
    """Predictions and targets of different shapes are stretched against each other.

    What it does:
        Compares the shapes that the loss is given, and looks in autograd's graph for a column of
        predictions whose difference from the targets became a square.

    Why is this bad?
        (n, 1) minus (n,) is an n by n table: every prediction is compared with every target, and
        the best that the model can do is to predict the mean.

    Evidence:
        An element-wise loss whose prediction and target have equally many entries but different
        shapes, such as (32, 1) and (32,); or a square (n, n) made by a subtraction where the output
        has n entries. The shapes themselves are the evidence; there is no threshold.

    Known problems:
        A pairwise loss written as ``p - p.T`` on purpose looks the same.

    Remedies:
        Give both the same shape: ``prediction.squeeze(1)`` or ``target.unsqueeze(1)``.

    References:
        PyTorch pull request 18565.
    """

    code = "U805"
    remedies = ("fix-shapes",)
    explains = (
        "underfitting",
        "slow-convergence",
        "learning-rate-too-low",
        "vanishing-gradient",
        "dead-relu",
        "oscillating-loss",
        "saturated-activation",
        "unscaled-targets",
        "overfitting",
        "excessive-regularization",
        "full-batch-training",
    )
    SICK: ClassVar[Run] = sketch(function="mse_loss", facts={"broadcast": [64, 64]})
    HEALTHY: ClassVar[Run] = sketch(function="mse_loss", facts={"broadcast": []})

    def check(self, run: Run) -> Iterator[Finding]:
        """Yield at most one finding."""
        loss = run.loss_function
        square = run.facts.get("broadcast") or []
        given, wanted = loss.prediction_shape, loss.target_shape
        if _stretched(loss):
            said = f"the loss compares predictions of shape {given} with targets of shape {wanted}"
        elif square:
            said = (
                f"a difference of {square[0]} predictions and {square[0]} targets became a table "
                f"of {square[0]} by {square[1]}"
            )
        else:
            return
        yield self.finding(
            run,
            Severity.ERROR,
            f"{said}: every prediction is compared with every target",
            location=_place(run) or loss.location,
            evidence={"prediction_shape": list(given), "target_shape": list(wanted)},
            confidence=0.97,
        )


def _place(run: Run) -> Location | None:
    """Return the line that stretches predictions and targets, where it is known."""
    places = [place for place in run.facts.get("stretched") or [] if any(place["graded"])]
    return Location.from_json(places[0]["location"]) if places else None


def _stretched(loss: Loss) -> bool:
    given, wanted = loss.prediction_shape, loss.target_shape
    if (loss.function or "") not in _ELEMENTWISE or not given or not wanted:
        return False
    rows = math.prod(given)
    return given != wanted and rows == math.prod(wanted) > 1 and 1 in (*given, *wanted)
