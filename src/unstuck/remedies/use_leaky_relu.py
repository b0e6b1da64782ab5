"""The remedy use-leaky-relu."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from unstuck.findings import Finding
from unstuck.remedies import Change, Remedy, Settings
from unstuck.signals import Run

if TYPE_CHECKING:
    from unstuck.frameworks.torch_treatment import Subject
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
        ``negative_slope``: 0.01, the value of its paper and the default of PyTorch.

    Limits:
        Those of use-relu. Units that died because steps were far too large die of them again, or
        drift: lower-learning-rate is then the cure.

    References:
        Maas, Hannun, Ng: Rectifier Nonlinearities Improve Neural Network Acoustic Models, 2013.
    """

    def settings(self, run: Run, finding: Finding) -> Sequence[Settings]:
        """Return the usual slope."""
        return ({"negative_slope": 0.01},)

    def apply_torch(self, subject: Subject, settings: Settings) -> list[Change]:
        """Replace them; see `Remedy.apply_torch`."""
        kinds = [*KINDS]
        if subject.fed()["exponential"] > sum(subject.fed().values()) / 2:
            kinds.append("exponential")
        slope = settings.get("negative_slope", 0.01)
        return subject.replace_activations(
            subject.hidden(kinds), "LeakyReLU", "leaky_relu", negative_slope=slope
        )

    def apply_keras(self, subject: KerasSubject, settings: Settings) -> list[Change]:
        """Replace them; see `Remedy.apply_keras`."""
        slope = settings.get("negative_slope", 0.01)
        return subject.replace_activations(
            subject.hidden(KINDS), "leaky_relu", "LeakyReLU", negative_slope=slope
        )
