"""The remedy add-dropout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from unstuck.evidence import memorized
from unstuck.findings import Finding
from unstuck.remedies import Change, Remedy, Settings
from unstuck.signals import Run

if TYPE_CHECKING:
    from unstuck.frameworks.torch_treatment import Subject
    from unstuck.sources.keras_subject import KerasSubject

__all__ = ["AddDropout"]


class AddDropout(Remedy):
    """Add dropout in front of the linear layers behind the first.

    What it does:
        A `torch.nn.Dropout` goes in front of every trained linear layer but the first ones. Where
        one call of the script constructs both first and later layers, it goes behind the hidden
        activations of linear layers.

    When it helps:
        Validation gets worse while training gets better. A unit that may be absent cannot be
        relied on, so units do not learn to correct each other on the training data alone.

    Settings:
        ``p``: 0.2, then 0.5 (the paper's value, for wide layers); a wide network's run gets 0.5
        first, then 0.8 where memorizing is strong (see `unstuck.evidence.memorized`).

    Limits:
        No effect in a model that has dropout of that strength. Layers inside library modules
        (transformers' own) stay. Training takes more steps.

    References:
        Srivastava et al.: Dropout: A Simple Way to Prevent Neural Networks from Overfitting, JMLR
        2014.
    """

    def settings(self, run: Run, finding: Finding) -> Sequence[Settings]:
        """Return shares of dropped units; half of them first where layers are wide."""
        widths = [layer.shape[0] for layer in run.weights if not layer.output]
        wide = bool(widths) and min(widths) >= 128
        if not wide:
            return ({"p": 0.2}, {"p": 0.5})
        return ({"p": 0.5}, {"p": 0.8}) if memorized(run) else ({"p": 0.5}, {"p": 0.2})

    def apply_torch(self, subject: Subject, settings: Settings) -> list[Change]:
        """Insert it; see `Remedy.apply_torch`."""
        return subject.add_dropout(settings.get("p", 0.5))

    def apply_keras(self, subject: KerasSubject, settings: Settings) -> list[Change]:
        """Insert it; see `Remedy.apply_keras`."""
        return subject.add_dropout(settings.get("p", 0.5))
