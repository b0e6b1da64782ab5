"""U801 softmax-before-cross-entropy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from unstuck.findings import Finding, Severity
from unstuck.obstacles import Obstacle
from unstuck.signals import Run
from unstuck.sketch import sketch

_WRONG = {
    ("log_softmax", "softmax"): "a softmax is applied before a loss that applies it again",
    ("log_softmax", "sigmoid"): "a sigmoid is applied before a loss that applies softmax",
    ("nll_loss", "softmax"): "probabilities go into a loss that wants their logarithms",
    ("nll_loss", "sigmoid"): "probabilities go into a loss that wants their logarithms",
    ("binary_cross_entropy_with_logits", "sigmoid"): "a sigmoid is applied before a loss that "
    "applies it again",
    ("binary_cross_entropy_with_logits", "softmax"): "a softmax is applied before a loss that "
    "applies a sigmoid",
}
_TAKEN = (
    "the loss is told to expect logits and is given probabilities: on TensorFlow, Keras takes the "
    "logits behind them; on its other backends it would apply softmax or sigmoid twice"
)


class SoftmaxBeforeCrossEntropy(Obstacle):
    """Probabilities go into a loss that wants logits: softmax or sigmoid is applied twice.

    What it does:
        Reads from autograd's graph which operation made the predictions that the loss is given, and
        looks whether they are probabilities.

    Why is this bad?
        Of ten classes the loss cannot fall below 1.4612 (one probability of 1 among zeros is a
        modest logit), the gradient fades as the model becomes sure, and training is slow.

    Evidence:
        The graph: softmax or sigmoid right in front of the loss's own log-softmax or sigmoid, or
        predictions that are non-negative and sum to 1 in SHARE of all sampled batches. The wiring
        itself is the evidence; log-softmax before cross-entropy changes nothing and is silent.

    Known problems:
        Inside a compiled model only the values are seen. On TensorFlow, Keras knows what a softmax
        was given and takes that for the logits: no harm is done there, so this is a remark.

    Remedies:
        Give the loss the logits; apply softmax only to show probabilities.

    References:
        PyTorch issue 55902; documentation of torch.nn.CrossEntropyLoss.
    """

    code = "U801"
    remedies = ("drop-softmax",)
    explains = (
        "vanishing-gradient",
        "learning-rate-too-low",
        "slow-convergence",
        "underfitting",
        "saturated-activation",
        "output-activation-mismatch",
        "oscillating-loss",
        "zigzag-descent",
        "uneven-gradient-scale",
        "full-batch-training",
        "dead-relu",
    )
    SHARE: ClassVar[float] = 0.9

    SICK: ClassVar[Run] = sketch(
        loss=lambda s: 1.5 + 0.8 * 0.99**s,
        run={"probabilities": 1.0},
        facts={"loss_inputs": [["log_softmax", "softmax", "5"]]},
    )
    HEALTHY: ClassVar[Run] = sketch()

    def check(self, run: Run) -> Iterator[Finding]:
        """Yield at most one finding, pointing at the softmax where it is known."""
        pairs = [tuple(pair) for pair in run.facts.get("loss_inputs") or []]
        wrong = next((pair for pair in pairs if pair[:2] in _WRONG), None)
        probable = run.of("probabilities")
        said, name, severity = "", None, Severity.ERROR
        if wrong is not None:
            said, name = _WRONG[wrong[0], wrong[1]], wrong[2]
        elif len(probable) >= 3 and sum(probable) / len(probable) >= self.SHARE:
            if run.loss_function.function == "nll_loss":
                said = _WRONG["nll_loss", "softmax"]
            else:
                said = _WRONG["log_softmax", "softmax"]
        elif self._in_validation(run):
            said = "in validation only, " + _WRONG["log_softmax", "softmax"]
        elif taken := run.facts.get("logits_taken"):
            said, name, severity = _TAKEN, taken, Severity.INFO
        if not said:
            return
        source = next((a for a in run.activations if a.name == name), None)
        if source is None:
            source = next(
                (a for a in run.activations if a.output and a.kind in ("softmax", "sigmoid")), None
            )
        last = next((la for la in run.layers if la.output and la.matrix), None)
        yield self.finding(
            run,
            severity,
            said,
            layers=[source.name] if source else [last] if last else [],
            location=(source.location if source else None)
            or (last.location if last else None)
            or run.loss_function.location,
            evidence={
                "loss": run.loss_function.function,
                "chain": list(run.loss_function.chain),
                "probabilities": sum(probable) / len(probable) if probable else 0.0,
            },
            confidence=0.98,
        )

    def _in_validation(self, run: Run) -> bool:
        """Return whether gradient-free passes give their loss probabilities."""
        return any(
            len(series) >= 3 and sum(series) / len(series) >= self.SHARE
            for (layer, signal), series in run.series.items()
            if layer == ""
            and signal.startswith("validation_probabilities:")
            and run.loss_function.function in ("cross_entropy", "nll_loss")
        )
