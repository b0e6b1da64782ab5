"""The remedy use-leaky-relu."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from unstuck.findings import Finding
from unstuck.remedies import Change, Remedy, Settings
from unstuck.signals import Run

if TYPE_CHECKING:
    from unstuck.frameworks.torch_treatment import Subject
    from unstuck.sources.hand_subject import HandSubject
    from unstuck.sources.keras_subject import KerasSubject

__all__ = ["UseLeakyRelu"]

KINDS = ("relu", "relu6", "sigmoid", "tanh")


class UseLeakyRelu(Remedy):
    """Replace the hidden activations by a ReLU that leaks, so that no unit can die.

    What it does:
        Hidden ReLU, ReLU6, sigmoid, tanh and exponential activations become
        ``torch.nn.LeakyReLU(negative_slope)`` or its function.

    When it helps:
        A ReLU unit that is negative for every input gets no gradient and never comes back. With a
        small slope below zero it does.

    Settings:
        ``negative_slope``: the default of the framework: 0.01 in PyTorch, as in the paper, and 0.2
        in Keras (of the function), there 0.01 next. Through several dead layers a signal is
        multiplied by the slope in each: of a network of twenty layers that was born dead, 0.2
        trains all of three seeds and 0.01 one.

    Limits:
        Those of use-relu. Units that died because steps were far too large die of them again, or
        drift: lower-learning-rate is then the cure.

    References:
        Maas, Hannun, Ng: Rectifier Nonlinearities Improve Neural Network Acoustic Models, 2013.
    """

    def settings(self, run: Run, finding: Finding) -> Sequence[Settings]:
        """Return the usual slopes."""
        slopes = (0.2, 0.01) if run.framework == "keras" else (0.01,)
        return tuple({"negative_slope": slope} for slope in slopes)

    def apply_torch(self, subject: Subject, settings: Settings) -> list[Change]:
        """Replace them; see `Remedy.apply_torch`."""
        kinds = [*KINDS]
        if subject.fed()["exponential"] > sum(subject.fed().values()) / 2:
            kinds.append("exponential")
        slope = settings.get("negative_slope", 0.01)
        return subject.replace_activations(
            subject.hidden(kinds), "LeakyReLU", "leaky_relu", negative_slope=slope
        )

    def apply_by_hand(self, subject: HandSubject, settings: Settings) -> list[Change]:
        """Replace them; see `Remedy.apply_by_hand`."""
        slope = settings.get("negative_slope", 0.01)
        return subject.replace_activations(
            subject.hidden(KINDS), "LeakyReLU", "leaky_relu", negative_slope=slope
        )

    def apply_keras(self, subject: KerasSubject, settings: Settings) -> list[Change]:
        """Replace them; see `Remedy.apply_keras`."""
        slope = settings.get("negative_slope", 0.2)
        return subject.replace_activations(
            subject.hidden(KINDS), "leaky_relu", "LeakyReLU", negative_slope=slope
        )
