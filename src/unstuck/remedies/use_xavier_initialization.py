"""The remedy use-xavier-initialization."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from unstuck.remedies import Change, Remedy, Settings

if TYPE_CHECKING:
    from unstuck.frameworks.torch_treatment import Subject
    from unstuck.sources.hand_subject import HandSubject
    from unstuck.sources.keras_subject import KerasSubject

__all__ = ["UseXavierInitialization"]

GAINS = {"tanh": "tanh", "relu": "relu", "relu6": "relu", "leaky_relu": "leaky_relu"}
"""Kind of activation -> its name for `torch.nn.init.calculate_gain`; others have gain 1."""


class UseXavierInitialization(Remedy):
    """Draw the weights anew with a variance that suits forward and backward signals alike.

    What it does:
        Weights of linear, convolution and recurrent layers become uniform with variance
        gain² · 2 / (fan-in + fan-out), biases of linear and convolution layers zero, just before
        the optimizer is constructed. Matrices from one time step to the next become orthogonal, as
        Keras draws them: what they carry neither grows nor shrinks as long as their units are not
        saturated, for which the gain of recurrent layers is 1. The random stream is put back. Of
        Keras, layers that name another initializer get ``"glorot_uniform"``, which is its default,
        and recurrent layers Keras' own initializers.

    When it helps:
        Networks of sigmoid or tanh units whose signals shrink or grow from layer to layer or from
        time step to time step, and networks that were started from equal weights.

    Settings:
        None. The gain follows the activation that most hidden layers feed, as
        `torch.nn.init.calculate_gain` has it: 1 for sigmoid, 5/3 for tanh (Glorot and Bengio used
        1; 5/3 makes up for what a tanh squeezes), √2 for ReLU.

    Limits:
        Matrices of the script's own modules are drawn where most layers are such, and biases of
        those stay; of a loop over time, which uses a layer at least eight times, its one square
        matrix; of matrices in no module, those that the optimizer is given as a list by name.
        Embeddings and weights tied to them, norms and frozen weights stay. Pretrained weights would
        be lost: not for fine-tuning.

    References:
        Glorot, Bengio: Understanding the Difficulty of Training Deep Feedforward Neural Networks,
        AISTATS 2010, equation 16. Saxe, McClelland, Ganguli: Exact Solutions to the Nonlinear
        Dynamics of Learning in Deep Linear Neural Networks, ICLR 2014 (orthogonal matrices).
    """

    def apply_torch(self, subject: Subject, settings: Settings) -> list[Change]:
        """Draw them; see `Remedy.apply_torch`."""
        draw = _draw(subject.fed())
        return subject.initialize(
            draw,
            draw,
            recurrent="torch.nn.init.xavier_uniform_($weight)",
            comment="Xavier initialization",
            what="Xavier initialization",
        )

    def apply_by_hand(self, subject: HandSubject, settings: Settings) -> list[Change]:
        """Draw them; see `Remedy.apply_by_hand`."""
        draw, what = _draw(subject.fed()), "Xavier initialization"
        return subject.initialize(draw, draw, comment=what, what=what)

    def apply_keras(self, subject: KerasSubject, settings: Settings) -> list[Change]:
        """Name the initializer; see `Remedy.apply_keras`."""
        changes = subject.initialize("glorot_uniform", default=False)
        return [*changes, *subject.initialize_recurrent()]


def _draw(fed: Counter[str]) -> str:
    """Return the statement that draws a matrix, for the activation that most layers feed."""
    common = fed.most_common(1)
    kind = GAINS.get(common[0][0]) if common else None
    gain = f', gain=torch.nn.init.calculate_gain("{kind}")' if kind else ""
    return f"torch.nn.init.xavier_uniform_($module.weight{gain})"
