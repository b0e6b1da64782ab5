"""The remedy use-he-initialization."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from unstuck.remedies import Change, Remedy, Settings

if TYPE_CHECKING:
    from unstuck.frameworks.torch_treatment import Subject
    from unstuck.sources.hand_subject import HandSubject
    from unstuck.sources.keras_subject import KerasSubject

__all__ = ["UseHeInitialization"]

RELU_LIKE = ("relu", "leaky_relu", "relu6", "elu", "gelu", "silu", "softplus")
COMMENT = "He initialization, for ReLU layers"
WHAT = "He initialization"


class UseHeInitialization(Remedy):
    """Draw the weights anew with the variance that a ReLU network preserves.

    What it does:
        Weights of linear and convolution layers become normal with variance 2 / fan-in, biases
        zero, just before the optimizer is constructed. The random stream is put back, so that all
        else (shuffling, dropout) is the same as without. Of Keras, hidden layers get
        ``kernel_initializer="he_normal"``, and an output layer that names one has Keras' own again.

    When it helps:
        A ReLU lets half of a layer's variance through; variance 2 / fan-in makes up for it, and
        signals keep their scale through any depth. PyTorch's default gives a sixth of that,
        Keras' (Glorot) half of it where layers are square.

    Settings:
        None.

    Limits:
        Applies when hidden layers feed activations of the ReLU family, after the other remedies
        of the same treatment. The output layer is drawn like the others: the field does so, and
        one loop says it. Matrices of the script's own modules are drawn where most layers are such,
        and biases of those stay; so are matrices in no module, where the optimizer is given a list
        of them by name. Embeddings and weights tied to them, norms, recurrent layers and frozen
        weights stay. Pretrained weights would be lost: not for fine-tuning.

    References:
        He, Zhang, Ren, Sun: Delving Deep into Rectifiers, ICCV 2015, equation 10.
    """

    def apply_torch(self, subject: Subject, settings: Settings) -> list[Change]:
        """Draw them; see `Remedy.apply_torch`."""
        draws = _draws(subject.fed())
        return subject.initialize(*draws, comment=COMMENT, what=WHAT) if draws else []

    def apply_by_hand(self, subject: HandSubject, settings: Settings) -> list[Change]:
        """Draw them; see `Remedy.apply_by_hand`."""
        draws = _draws(subject.fed())
        return subject.initialize(*draws, comment=COMMENT, what=WHAT) if draws else []

    def apply_keras(self, subject: KerasSubject, settings: Settings) -> list[Change]:
        """Name the initializer; see `Remedy.apply_keras`."""
        return subject.initialize("he_normal", default=True) if _draws(subject.fed()) else []


def _draws(fed: Counter[str]) -> tuple[str, str] | None:
    """Return the statements that draw a matrix, and one whose fans are the other way round.

    None unless most layers feed activations of the ReLU family.
    """
    if sum(fed[kind] for kind in RELU_LIKE) * 2 <= sum(fed.values()):
        return None
    leaky = fed["leaky_relu"] * 2 > sum(fed.values())
    slope = 'a=0.01, nonlinearity="leaky_relu"' if leaky else 'nonlinearity="relu"'
    draw = f"torch.nn.init.kaiming_normal_($module.weight, {slope})"
    return draw, draw.replace(slope, f'mode="fan_out", {slope}')
