"""The remedy use-relu."""

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

__all__ = ["UseRelu"]

SATURATING = ("sigmoid", "tanh", "relu6")
"""Kinds that flatten out; the watcher counts hardtanh as relu6, softsign as tanh."""


class UseRelu(Remedy):
    """Replace the hidden activations that flatten out by ReLU.

    What it does:
        Hidden sigmoid, tanh, softsign, hard sigmoid, hard tanh, ReLU6 and exponential activations
        become `torch.nn.ReLU`, or `torch.relu` where they are function calls. In a network without
        anything nonlinear, a ReLU is put behind each hidden layer. Of Keras, ``activation="relu"``.

    When it helps:
        A sigmoid passes on at most a quarter of a gradient, a tanh all of it only near zero;
        over many layers nothing arrives. A ReLU passes the gradient of an active unit unchanged.
        Weights that were scaled for a sigmoid are too small for it: use-he-initialization goes
        with it.

    Settings:
        None.

    Limits:
        Output activations, softmax, and the gates inside ``nn.LSTM`` and ``nn.GRU`` stay. A gate
        that the script computes itself (``torch.sigmoid(a) * b``) looks like any hidden sigmoid.
        A call that makes hidden and output activations alike is left alone. An exponential is
        replaced only where it is the activation of most hidden layers.

    References:
        Glorot, Bordes, Bengio: Deep Sparse Rectifier Neural Networks, AISTATS 2011. Nair, Hinton:
        Rectified Linear Units Improve Restricted Boltzmann Machines, ICML 2010.
    """

    def settings(self, run: Run, finding: Finding) -> Sequence[Settings]:
        """Return nothing to set, or that it does not apply: no hidden activation flattens out.

        What flattens out puts out no NaN: there, only exponentials are replaced.
        """
        kinds = {a.kind for a in run.activations if not a.output}
        if finding.obstacle == "non-finite-values":
            return ({},) if "exponential" in kinds else ()
        if run.facts.get("nonlinear") is False:
            return ({},)
        flat = kinds.intersection((*SATURATING, "exponential"))
        return ({},) if flat or not kinds else ()

    def apply_torch(self, subject: Subject, settings: Settings) -> list[Change]:
        """Replace them; see `Remedy.apply_torch`."""
        if subject.run.facts.get("nonlinear") is False:
            return subject.add_relu()
        kinds = [*SATURATING]
        if subject.fed()["exponential"] > sum(subject.fed().values()) / 2:
            kinds.append("exponential")
        return subject.replace_activations(subject.hidden(kinds), "ReLU", "relu")

    def apply_by_hand(self, subject: HandSubject, settings: Settings) -> list[Change]:
        """Replace them; see `Remedy.apply_by_hand`."""
        return subject.replace_activations(subject.hidden(SATURATING), "ReLU", "relu")

    def apply_keras(self, subject: KerasSubject, settings: Settings) -> list[Change]:
        """Replace them; see `Remedy.apply_keras`."""
        if subject.run.facts.get("nonlinear") is False:
            return subject.add_activation("relu")
        kinds = [*SATURATING]
        if subject.fed()["exponential"] > sum(subject.fed().values()) / 2:
            kinds.append("exponential")
        return subject.replace_activations(subject.hidden(kinds), "relu", "ReLU")
