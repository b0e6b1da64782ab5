"""The remedy drop-softmax."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unstuck.remedies import Change, Remedy, Settings

if TYPE_CHECKING:
    from unstuck.frameworks.torch_treatment import Subject
    from unstuck.sources.keras_subject import KerasSubject

__all__ = ["DropSoftmax"]

LOGITS = {
    "cross_entropy": ("softmax", "sigmoid"),
    "binary_cross_entropy_with_logits": ("softmax", "sigmoid"),
    "multilabel_soft_margin_loss": ("softmax", "sigmoid"),
}
"""Loss that takes logits -> output activations that spoil it."""
FITTING = {
    "cross_entropy": {"softmax"},
    "binary_cross_entropy_with_logits": {"sigmoid"},
}
"""Loss on logits -> the activation whose probabilities the same loss can take instead."""


class DropSoftmax(Remedy):
    """Give the loss what it expects: logits, or log-probabilities.

    What it does:
        A softmax or sigmoid between the last layer and a loss that takes logits is taken away. A
        softmax in front of the negative log-likelihood becomes a log-softmax; a log-softmax in
        front of cross-entropy stays, since it changes nothing. Where only an evaluation applies a
        softmax (``if not self.training:``), that one goes. Of Keras, ``from_logits=True`` goes
        where the activation fits the loss, so that predictions stay probabilities.

    When it helps:
        Cross-entropy applies a softmax itself. A second one squeezes the logits into 0 to 1: the
        loss cannot fall below log(1 + (C - 1) / e), and its gradients are small.

    Settings:
        None.

    Limits:
        Predictions by the largest output stay the same; a script that compares the outputs with
        0.5 or prints them as probabilities has to apply the function there.

    References:
        PyTorch documentation, `torch.nn.CrossEntropyLoss`: the input is expected to contain the
        unnormalized logits.
    """

    def apply_torch(self, subject: Subject, settings: Settings) -> list[Change]:
        """Take it away; see `Remedy.apply_torch`."""
        loss = subject.run.loss_function.function or ""
        outputs = [act for act in subject.run.activations if act.output]
        if loss == "nll_loss":
            soft = [act for act in outputs if act.kind == "softmax"]
            return [change for act in soft for change in subject.use_log_softmax(act)]
        spoilers = [act for act in outputs if act.kind in LOGITS.get(loss, ())]
        if loss == "cross_entropy" and not spoilers:
            return subject.drop_evaluated("softmax")
        return [change for act in spoilers for change in subject.drop_activation(act)]

    def apply_keras(self, subject: KerasSubject, settings: Settings) -> list[Change]:
        """Let the loss take probabilities, or take it away; see `Remedy.apply_keras`."""
        loss = subject.run.loss_function.function or ""
        outputs = [act for act in subject.run.activations if act.output]
        spoilers = [act for act in outputs if act.kind in LOGITS.get(loss, ())]
        if not spoilers:
            return []
        if FITTING.get(loss) == {act.kind for act in spoilers}:
            found = subject.expect_logits(False)
            if found:
                return found
        return [change for act in spoilers for change in subject.drop_activation(act)]
