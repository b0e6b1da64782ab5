"""The remedy add-l1."""

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

__all__ = ["AddL1"]

ADAPTIVE = frozenset({"Adam", "AdamW", "Adamax", "NAdam", "RAdam", "RMSprop"})
"""Optimizers that divide each gradient by its own scale."""
LINES = """\
with torch.no_grad():  # L1, proximal: small weights become exactly zero
    for $group in $optimizer.param_groups:
        for $weight in $group["params"]:
            if $weight.ndim > 1 and $weight.requires_grad:
                $weight.copy_(torch.nn.functional.softshrink($weight, $group["lr"] * STRENGTH))
"""

CONSTRAINT = """\
@keras.saving.register_keras_serializable()
def soft_threshold(weights):  # L1, proximal: small weights become exactly zero
    return keras.ops.sign(weights) * keras.ops.relu(keras.ops.abs(weights) - THRESHOLD)


"""


class AddL1(Remedy):
    """Add L1 regularization: every step moves weights towards zero, small ones onto it.

    What it does:
        After each optimizer step, every weight with at least two dimensions moves towards zero by
        the learning rate times the strength, and stops there (the proximal step of the L1 norm).
        Subgradients, in contrast, never make a weight exactly zero. Biases and norms stay.
        Of Keras, a constraint of the kernels does the same, by the rate that the run began with.

    When it helps:
        Validation gets worse while training gets better, and few of the inputs matter.

    Settings:
        ``strength``: 0.001, 0.01, 0.0001. Under an adaptive optimizer a step is about the learning
        rate, whatever the gradient, and the strength the part of a step that is taken back: 0.1,
        0.03, 0.3; 0.3, 0.1, 1 where memorizing is strong (see `unstuck.evidence.memorized`).

    Limits:
        The threshold is that of gradient descent; adaptive optimizers do not rescale it. Needs an
        ``optimizer.step()`` without a closure in the script.

    References:
        Tibshirani: Regression Shrinkage and Selection via the Lasso, 1996. Parikh, Boyd: Proximal
        Algorithms, 2014, section 6.5.2.
    """

    stage = "training"

    def settings(self, run: Run, finding: Finding) -> Sequence[Settings]:
        """Return strengths, the likeliest first."""
        strengths = [1e-3, 1e-2, 1e-4]
        if run.optimizer.name in ADAPTIVE:
            strengths = [0.3, 0.1, 1.0] if memorized(run) else [0.1, 0.03, 0.3]
        return tuple({"strength": strength} for strength in strengths)

    def apply_torch(self, subject: Subject, settings: Settings) -> list[Change]:
        """Shrink after each step; see `Remedy.apply_torch`."""
        strength = settings.get("strength", 1e-3)
        lines = LINES.replace("STRENGTH", repr(strength))
        return subject.at_step(f"L1 of {strength:g} after each step", lines, after=True)

    def apply_keras(self, subject: KerasSubject, settings: Settings) -> list[Change]:
        """Constrain the kernels; see `Remedy.apply_keras`."""
        strength = settings.get("strength", 1e-3)
        rate = subject.rate
        if rate is None:
            return []
        lines = CONSTRAINT.replace("THRESHOLD", f"{rate * strength:.4g}")
        what = f"L1 of {strength:g} after each step"
        return subject.constrain(what, "soft_threshold", lines)
