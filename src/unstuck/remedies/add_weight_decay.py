"""The remedy add-weight-decay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from unstuck.evidence import memorized, turn
from unstuck.findings import Finding
from unstuck.remedies import Change, Remedy, Settings
from unstuck.signals import Run

if TYPE_CHECKING:
    from unstuck.frameworks.torch_treatment import Subject
    from unstuck.sources.keras_subject import KerasSubject

__all__ = ["AddWeightDecay"]

DECOUPLED = frozenset({"AdamW"})
"""Optimizers whose decay is not divided by the gradient's scale."""


class AddWeightDecay(Remedy):
    """Add weight decay (L2): every step also shrinks the weights a little.

    What it does:
        The optimizer's ``weight_decay`` is raised to the setting; its class stays. Of Keras, layers
        without a regularizer get ``L2`` of half the setting, whose gradient is the same.

    When it helps:
        Validation gets worse while training gets better. Smaller weights make smoother functions.

    Settings:
        ``weight_decay``: 0.001, 0.01, 0.0001; 0.03, 0.1, 0.01 where memorizing is strong (see
        `unstuck.evidence.memorized`). In AdamW, whose decay takes away the learning rate times the
        setting in each step: such that a weight is forgotten within the steps to the lowest
        validation loss, then a quarter of that, then four times. Measured on questionnaire_s1d:
        30 in AdamW does what 0.1 does in Adam; 0.1 does nothing there.

    Limits:
        In Adam it is L2 regularization, which the running scale divides too: the more, the smaller
        the gradients have become, which is where memorizing ends. AdamW decouples it, and keeps
        doing so where the script uses it. A decay that is already as strong, groups
        that set their own, and optimizers without weight decay (LBFGS) have no effect.

    References:
        Krogh, Hertz: A Simple Weight Decay Can Improve Generalization, NIPS 1991. Loshchilov,
        Hutter: Decoupled Weight Decay Regularization, ICLR 2019.
    """

    stage = "optimizer"

    def settings(self, run: Run, finding: Finding) -> Sequence[Settings]:
        """Return strengths, stronger ones where memorizing is strong."""
        strengths = [3e-2, 1e-1, 1e-2] if memorized(run) else [1e-3, 1e-2, 1e-4]
        rate = run.optimizer.settings.get("lr", 0.0)
        if run.optimizer.name in DECOUPLED and rate > 0:
            whole = float(f"{1 / (rate * turn(run)):.1g}")
            strengths = [whole, whole / 4, whole * 4]
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
