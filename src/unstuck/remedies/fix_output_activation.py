"""The remedy fix-output-activation."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from unstuck.evidence import RANGES, middle
from unstuck.remedies import Change, Remedy, Settings
from unstuck.signals import Activation, Run

if TYPE_CHECKING:
    from unstuck.frameworks.torch_treatment import Subject
    from unstuck.sources.keras_subject import KerasSubject

__all__ = ["FixOutputActivation"]

BOUNDED = (*RANGES, "softmax")
PROBABILITIES = {"nll_loss": "softmax", "binary_cross_entropy": "sigmoid"}
"""Loss that takes probabilities -> the activation that makes them."""


class FixOutputActivation(Remedy):
    """Take the output activation away where it cannot reach the targets.

    What it does:
        A ReLU, sigmoid, tanh or softmax between the last layer and the loss is taken away. A
        softmax over a single unit becomes a sigmoid where the targets lie between 0 and 1. A last
        layer of Keras whose loss takes probabilities gets the activation that makes them.

    When it helps:
        A ReLU gives no negative number, a sigmoid none above 1, a softmax over one unit always 1:
        the targets outside cannot be reached, and where the activation is flat nothing is learned.

    Settings:
        None.

    Limits:
        Where one line makes the activations of hidden layers and of the output alike, it has to
        stand in a loop over the layers, which then spares the last one.

    References:
        UMLAUT, CHI 2021; NeuraLint, TOSEM 2021.
    """

    def apply_torch(self, subject: Subject, settings: Settings) -> list[Change]:
        """Take it away; see `Remedy.apply_torch`."""
        changes: list[Change] = []
        for act in _last(subject.run):
            if act.kind == "softmax" and _between_0_and_1(subject.run):
                changes += subject.replace_activations([act], "Sigmoid", "sigmoid")
            elif _is_shared(subject.run, act):
                changes += subject.drop_last_use(act)
            else:
                changes += subject.drop_activation(act) or subject.drop_later(act)
        return changes

    def apply_keras(self, subject: KerasSubject, settings: Settings) -> list[Change]:
        """Take it away, or add what the loss needs; see `Remedy.apply_keras`."""
        run = subject.run
        needed = PROBABILITIES.get(run.loss_function.function or "")
        last = _last(run)
        if needed is not None and not any(act.kind in ("sigmoid", "softmax") for act in last):
            single = (run.loss_function.prediction_shape or (0,))[-1] == 1
            kind = "sigmoid" if single else needed
            return subject.set_output_activation(kind) or subject.expect_logits(True)
        changes: list[Change] = []
        for act in last:
            if act.kind == "softmax" and _between_0_and_1(run):
                changes += subject.set_output_activation("sigmoid")
            else:
                changes += subject.drop_activation(act)
        return changes


def _last(run: Run) -> list[Activation]:
    """Return the activations that the loss is given the output of."""
    named = [name for _, _, name in run.facts.get("loss_inputs") or [] if name]
    found = [act for act in run.activations if act.name in named]
    found = found or [act for act in run.activations if act.output]
    return [act for act in found if act.kind in BOUNDED]


def _between_0_and_1(run: Run) -> bool:
    if run.loss_function.function == "binary_cross_entropy":
        return True
    low, high = middle(run.of("target_min").values), middle(run.of("target_max").values)
    return math.isfinite(low + high) and low >= 0 and high <= 1


def _is_shared(run: Run, act: Activation) -> bool:
    """Return whether hidden layers use the same call or module too.

    Only its last use has a name, so their activation is one of its kind without a name.
    """
    return any(
        layer.activation == act.kind and layer.activation_name in (None, act.name)
        for layer in run.layers
        if not layer.output
    )
