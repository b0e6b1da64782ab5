"""The remedy add-batch-norm."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unstuck.remedies import Change, Remedy, Settings

if TYPE_CHECKING:
    from unstuck.frameworks.torch_treatment import Subject
    from unstuck.sources.keras_subject import KerasSubject

__all__ = ["AddBatchNorm"]


class AddBatchNorm(Remedy):
    """Normalize what hidden layers put out, over the batch, before their activations.

    What it does:
        A `torch.nn.BatchNorm1d`, ``2d`` or ``3d`` goes behind each hidden linear or convolution
        layer that feeds an activation. Of Keras, a ``BatchNormalization`` with a momentum of 0.9
        (its default of 0.99 is hundreds of steps late); a layer's own activation goes behind it.

    When it helps:
        Signals and gradients shrink or grow from layer to layer, or activations sit at their flat
        ends: normalization sets the scale anew at every layer, whatever the initial weights.

    Settings:
        None.

    Limits:
        Layers that are normalized already, output layers, linear layers over sequences (outputs
        of more than two dimensions) stay, and so does a layer whose call also constructs layers
        that stay. No effect where a training batch had a single row: it has no variance.

    References:
        Ioffe, Szegedy: Batch Normalization, ICML 2015.
    """

    def apply_torch(self, subject: Subject, settings: Settings) -> list[Change]:
        """Insert it; see `Remedy.apply_torch`."""
        if any(size <= 1 for size in subject.run.of("batch_size")):
            return []
        return subject.add_batch_norm()

    def apply_keras(self, subject: KerasSubject, settings: Settings) -> list[Change]:
        """Insert it; see `Remedy.apply_keras`."""
        if any(size <= 1 for size in subject.run.of("batch_size")):
            return []
        return subject.add_batch_norm()
