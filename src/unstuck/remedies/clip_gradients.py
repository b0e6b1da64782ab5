"""The remedy clip-gradients."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING

from unstuck.evidence import unharmed
from unstuck.findings import Finding
from unstuck.remedies import Change, Remedy, Settings
from unstuck.signals import Run

if TYPE_CHECKING:
    from unstuck.frameworks.torch_treatment import Subject
    from unstuck.sources.hand_subject import HandSubject
    from unstuck.sources.keras_subject import KerasSubject

__all__ = ["ClipGradients"]

LINES = "torch.nn.utils.clip_grad_norm_($parameters, MAX_NORM)\n"
EARLY = 20
"""Steps at the start whose gradients are taken as the healthy ones."""
FEW = 3
"""From fewer steps nothing is said about what is healthy."""


class ClipGradients(Remedy):
    """Shorten the gradient where its norm is too large, keeping its direction.

    What it does:
        Before each ``optimizer.step()``, all gradients are scaled down together where their norm
        exceeds a maximum. Of Keras, the optimizer's ``global_clipnorm``.

    When it helps:
        A single steep place (a cliff of a recurrent network, an outlier) makes one step that
        destroys the weights.

    Settings:
        ``max_norm``: the median norm of the first steps, as long as the loss has not broken out,
        then 1, the default of Hugging Face's trainer; only that where there are hardly any such
        steps.

    Limits:
        Adaptive optimizers undo a constant scale: it helps them only against sudden changes.
        Needs an ``optimizer.step()`` without a closure or a gradient scaler in the script.

    References:
        Pascanu, Mikolov, Bengio: On the Difficulty of Training Recurrent Neural Networks, ICML
        2013, algorithm 1.
    """

    stage = "training"

    def settings(self, run: Run, finding: Finding) -> Sequence[Settings]:
        """Return norms: that of healthy steps, and 1."""
        norms = unharmed(run, run.of("gradient_norm")).finite().until(EARLY - 1)
        sizes = [norm for norm in norms if norm > 0]
        healthy = float(f"{median(sizes):.1g}") if len(sizes) >= FEW else 1.0
        if finding.obstacle == "exploding-gradient" and healthy > 1:
            return ({"max_norm": 1.0}, {"max_norm": healthy})
        return tuple({"max_norm": norm} for norm in dict.fromkeys((healthy, 1.0)))

    def apply_torch(self, subject: Subject, settings: Settings) -> list[Change]:
        """Clip before each step; see `Remedy.apply_torch`."""
        norm = settings.get("max_norm", 1.0)
        lines = LINES.replace("MAX_NORM", f"max_norm={norm!r}")
        return subject.at_step(f"gradients clipped to norm {norm:g}", lines, after=False)

    def apply_by_hand(self, subject: HandSubject, settings: Settings) -> list[Change]:
        """Clip behind each ``backward``; see `Remedy.apply_by_hand`."""
        return subject.clip(settings.get("max_norm", 1.0))

    def apply_keras(self, subject: KerasSubject, settings: Settings) -> list[Change]:
        """Let the optimizer clip; see `Remedy.apply_keras`."""
        return subject.use_optimizer(global_clipnorm=settings.get("max_norm", 1.0))
