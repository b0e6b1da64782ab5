"""The remedy use-rmsprop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from unstuck.findings import Finding
from unstuck.remedies import Change, Remedy, Settings
from unstuck.signals import Run

if TYPE_CHECKING:
    from unstuck.frameworks.torch_treatment import Subject
    from unstuck.sources.keras_subject import KerasSubject

__all__ = ["UseRmsprop"]


class UseRmsprop(Remedy):
    """Train with RMSProp, which divides each gradient by its own running scale.

    What it does:
        The optimizer becomes `torch.optim.RMSprop`. Weight decay is kept.

    When it helps:
        As use-adam: where the gradient scales of parameters differ by orders of magnitude under
        one learning rate. Without Adam's momentum, steps follow a changing loss sooner.

    Settings:
        ``lr``: 0.001 (the lecture's), 0.01, 0.0001. A step is about ``lr`` for every weight.

    Limits:
        Those of use-adam. The running scale starts at zero, so the first steps are ten times as
        long (1 / sqrt(1 - 0.99)) as ``lr``.

    References:
        Tieleman, Hinton: Lecture 6.5, RMSProp, Coursera: Neural Networks for Machine Learning,
        2012.
    """

    stage = "optimizer"

    def settings(self, run: Run, finding: Finding) -> Sequence[Settings]:
        """Return learning rates, the likeliest first."""
        return ({"lr": 1e-3}, {"lr": 1e-2}, {"lr": 1e-4})

    def apply_torch(self, subject: Subject, settings: Settings) -> list[Change]:
        """Change the optimizer; see `Remedy.apply_torch`."""
        return subject.use_optimizer("RMSprop", lr=settings.get("lr", 1e-3))

    def apply_keras(self, subject: KerasSubject, settings: Settings) -> list[Change]:
        """Change the optimizer; see `Remedy.apply_keras`."""
        return subject.use_optimizer("RMSprop", learning_rate=settings.get("lr", 1e-3))
