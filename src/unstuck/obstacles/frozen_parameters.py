"""U804 frozen-parameters."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar

from unstuck.evidence import Descent, descent, typical
from unstuck.findings import Finding, Location, Severity
from unstuck.obstacles import Obstacle
from unstuck.signals import Run
from unstuck.sketch import plateau, sketch


class FrozenParameters(Obstacle):
    """Parameters that should learn get no gradient, or no optimizer holds them.

    What it does:
        Follows the loss back to the parameters it depends on, and compares them with those that the
        optimizer holds, that ask for gradients, and that move.

    Why is this bad?
        What does not move does not learn, and nothing complains.

    Evidence:
        One of: the loss is not connected to any parameter of the optimizer; no gradient is there
        when the optimizer steps; layers that the loss depends on are in no optimizer, or hold
        parameters that do not ask for gradients or are not reached by them, in a run that learned
        poorly; layers that run in every step and never have a gradient, in one that learned not
        fully. Facts of the wiring, no thresholds; a frozen backbone whose head learns well
        (fine-tuning) is silent.

    Known problems:
        A pretrained part that is frozen on purpose in a run that fails for another reason is named
        too.

    Remedies:
        Register layers (nn.ModuleList instead of a list), give the optimizer the model's
        parameters, keep tensors attached to the graph.

    References:
        PyTorch issues 666 and 715; TrainCheck, OSDI 2025.
    """

    code = "U804"
    remedies = ("register-layers",)
    explains = (
        "slow-convergence",
        "underfitting",
        "learning-rate-too-low",
        "vanishing-gradient",
        "overfitting",
        "uneven-gradient-scale",
        "dead-relu",
        "full-batch-training",
        "oscillating-loss",
        "saturated-activation",
        "mismatched-initialization",
        "missing-nonlinearity",
    )
    SICK: ClassVar[Run] = sketch(loss=plateau, facts={"disconnected": True})
    HEALTHY: ClassVar[Run] = sketch()

    def check(self, run: Run) -> Iterator[Finding]:
        """Yield at most one finding."""
        # An update written out that replaces its tensors leaves nothing to follow.
        untraced = not run.layers and run.optimizer.by_hand
        if run.steps < 3 or untraced:
            return
        went = descent(run)
        counts = run.of("gradient_count").values
        unheld = [u for u in run.facts.get("unheld") or [] if u.get("matrix")]
        place = run.loss_function.location
        layers: list[str] = []
        if run.facts.get("disconnected"):
            said = "the loss is not connected to the parameters that the optimizer holds"
            place = run.optimizer.location or place
        elif len(counts) >= 3 and max(counts) == 0:
            said = "no gradient is there when the optimizer steps: nothing moves"
            place = run.optimizer.step_location or place
        elif unheld and not _well(went):
            layers = [u["layer"] for u in unheld]
            place = Location.from_json(unheld[0].get("location")) or run.optimizer.location
            said = (
                f"no optimizer holds {_list(layers)}, though the loss depends on "
                f"{'it' if len(layers) == 1 else 'them'}"
            )
        else:
            still = [
                la
                for la in run.layers
                if la.matrix and not la.output and not (la.trainable and la.optimized)
            ]
            matrices = [la for la in run.layers if la.matrix]
            everything = bool(matrices) and not run.weights
            unused = run.facts.get("unused_layers") or []
            idle = [
                la
                for la in run.weights
                if la.name in unused or typical(run, "gradient_rms", la.name) == 0
            ]
            # It runs, and nothing ever comes back to it: cut off by ``detach`` or ``.data``.
            cut = [
                la
                for la in run.weights
                if run.of("output_rms", la.name) and not run.of("gradient_rms", la.name)
            ]
            if cut and len(counts) >= 3 and not _well(went):
                layers = [la.name for la in cut]
                place = cut[0].location
                said = f"no gradient reaches {_list(layers)}, though the model runs it"
            elif (still or everything) and went.poor:
                layers = [la.name for la in still] or [la.name for la in matrices]
                place = next((la.location for la in still), None) or run.optimizer.location
                said = f"{_list(layers)} {'does' if len(layers) == 1 else 'do'} not learn: frozen"
            elif idle and went.poor and any(la.name in unused for la in idle) and not _alone(run):
                layers = [la.name for la in idle]
                place = idle[0].location
                said = f"the loss does not depend on {_list(layers)}"
            else:
                return
        yield self.finding(
            run,
            Severity.ERROR,
            said,
            layers=layers,
            location=place,
            evidence={"unheld": layers, "disconnected": bool(run.facts.get("disconnected"))},
            confidence=0.93,
        )


def _well(went: Descent) -> bool:
    """Return whether the run learned so well that what is frozen may be so on purpose."""
    if math.isfinite(went.accuracy):
        return went.accuracy >= 0.95
    return went.achieved >= 0.9


def _alone(run: Run) -> bool:
    """Return whether nothing at all was seen of the graph."""
    return not any(la.activation or la.output for la in run.layers)


def _list(names: list[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in dict.fromkeys(names[:4]))
    return shown if len(names) <= 4 else f"{shown} and {len(names) - 4} more layers"
