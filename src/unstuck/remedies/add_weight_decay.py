"""The remedy add-weight-decay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from unstuck.findings import Finding
from unstuck.remedies import Change, Remedy, Settings
from unstuck.signals import Run

if TYPE_CHECKING:
    from unstuck.frameworks.torch_treatment import Subject
    from unstuck.sources.keras_subject import KerasSubject

__all__ = ["AddWeightDecay"]

WIDE_GAP = 1.5
"""Validation loss over its best from which memorizing is strong, and strong decay comes first."""


class AddWeightDecay(Remedy):
    """Add weight decay (L2): every step also shrinks the weights a little.

    What it does:
        The optimizer's ``weight_decay`` is raised to the setting; its class stays. Of Keras, layers
        without a regularizer get ``L2`` of half the setting, whose gradient is the same.

    When it helps:
        Validation gets worse while training gets better. Smaller weights make smoother functions.

    Settings:
        ``weight_decay``: 0.001, 0.01, 0.0001; 0.01 first where the validation loss has risen by
        half from its best.

    Limits:
        In Adam it is L2 regularization, which the running scale divides too; AdamW decouples it,
        and keeps doing so where the script uses it. A decay that is already as strong, groups
        that set their own, and optimizers without weight decay (LBFGS) have no effect.

    References:
        Krogh, Hertz: A Simple Weight Decay Can Improve Generalization, NIPS 1991. Loshchilov,
        Hutter: Decoupled Weight Decay Regularization, ICLR 2019.
    """

    stage = "optimizer"

    def settings(self, run: Run, finding: Finding) -> Sequence[Settings]:
        """Return strengths, stronger first where the gap is wide."""
        strengths = [1e-3, 1e-2, 1e-4]
        losses = run.of("validation_loss").finite()
        if losses and losses[-1] > WIDE_GAP * min(losses):
            strengths = [1e-2, 1e-3, 1e-1]
        return tuple({"weight_decay": strength} for strength in strengths)

    def apply_torch(self, subject: Subject, settings: Settings) -> list[Change]:
        """Change the optimizer; see `Remedy.apply_torch`."""
        decay = settings.get("weight_decay", 1e-3)
        if not subject.accepts("weight_decay") or subject.own_settings("weight_decay"):
            return []
        if float(subject.setting("weight_decay")) >= decay:
            return []
        return subject.use_optimizer(weight_decay=decay)

    def apply_keras(self, subject: KerasSubject, settings: Settings) -> list[Change]:
        """Give the layers a regularizer; see `Remedy.apply_keras`."""
        decay = settings.get("weight_decay", 1e-3)
        # Its gradient is twice the factor times the weight.
        return subject.regularize(f"L2({decay / 2:g})")
