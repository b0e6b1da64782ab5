"""The remedy scale-targets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from unstuck.evidence import middle
from unstuck.findings import Finding
from unstuck.remedies import Change, Remedy, Settings
from unstuck.remedies.scale_inputs import numbers, rounded
from unstuck.signals import Run

if TYPE_CHECKING:
    from unstuck.frameworks.torch_treatment import Subject
    from unstuck.sources.keras_subject import KerasSubject

__all__ = ["ScaleTargets"]

POWERS = {"mse_loss": 2, "l1_loss": 1, "smooth_l1_loss": 1, "huber_loss": 1}
"""Loss -> the power of the targets' deviation by which it grows."""
LINES = """\
def $scale_output(module, inputs, output):  # statistics of the training targets
    if output.requires_grad:  # gradients as if the targets were standardized
        output.register_hook(lambda gradient: gradient / DIVISOR)
    return output * STD MEAN
$model.register_forward_hook($scale_output)
"""
COLUMNS = """\
def $scale_output(module, inputs, output):  # statistics of the training targets
    mean = torch.tensor(MEAN).to(output)
    std = torch.tensor(STD).to(output)
    if output.requires_grad:  # gradients as if the targets were standardized
        output.register_hook(lambda gradient: gradient / DIVISOR)
    return output * std + mean
$model.register_forward_hook($scale_output)
"""
EXPLODED = 1e4
"""Predictions of so many times the targets' size leave three digits of a difference."""
TOLERANCE = 0.05
"""The loss is taken to be given the last layer's output if their sizes agree so far."""


class ScaleTargets(Remedy):
    """Let the network work in standardized units of the targets.

    What it does:
        A hook behind the model multiplies its output by the standard deviation of the training
        targets and adds their mean, per output where there are 2 to 64 in columns; the numbers are
        written out, so nothing leaks from validation or test data. Loss, score and predictions stay
        in the targets' own units. The gradient is divided by what the loss has grown by (the
        deviation squared for a squared error), so that weights, clipping and weight decay meet
        exactly the gradients of standardized targets, and the learning rate suits with any
        optimizer. Of Keras, a ``Rescaling`` layer behind the last
        one, and gradient descent's learning rate is divided by the same number.

    When it helps:
        The output layer has to grow a hundredfold before anything else is learned; the gradients of
        a squared error are as large as the targets, and a rate that suits other tasks diverges.

    Settings:
        ``mean`` and ``std`` of the training targets; none where each output has its own.

    Limits:
        Applies to one model whose last layer's output goes into the loss as it is, without an
        activation. Outputs that are no columns (images, sequences), or more than 64, have one mean
        and one deviation. Standardized outputs count alike: one whose deviation is meant to weigh
        less has to be given a weight in the loss. The hook belongs to the script's
        model object: a checkpoint of the weights alone does not hold it.

    References:
        LeCun, Bottou, Orr, Müller: Efficient BackProp, 1998.
    """

    def settings(self, run: Run, finding: Finding) -> Sequence[Settings]:
        """Return the mean and deviation of the targets, if the loss is given the bare output."""
        if not _is_bare(run):
            return ()
        if _columns(run):
            return ({},)
        statistics = _statistics(run)
        return (statistics,) if statistics else ()

    def apply_torch(self, subject: Subject, settings: Settings) -> list[Change]:
        """Attach the hook; see `Remedy.apply_torch`."""
        power = POWERS.get(subject.run.loss_function.function or "")
        if power is None or len(subject.models) != 1 or not _is_bare(subject.run):
            return []
        what = "outputs scaled to the targets"
        columns = [] if settings else _columns(subject.run)
        if columns:
            lines = COLUMNS.replace("MEAN", numbers([mean for mean, _ in columns]))
            lines = lines.replace("STD", numbers([std for _, std in columns]))
            lines = lines.replace("DIVISOR", "std**2" if power == 2 else "std")
            return subject.before_optimizer(what, lines)
        settings = settings or _statistics(subject.run) or {}
        if not settings:
            return []
        mean, std = settings["mean"], settings["std"]
        lines = LINES.replace("DIVISOR", f"{std!r}**2" if power == 2 else repr(std))
        lines = lines.replace("STD", repr(std))
        lines = lines.replace("MEAN", f"{'-' if mean < 0 else '+'} {abs(mean)!r}")
        return subject.before_optimizer(what, lines)

    def apply_keras(self, subject: KerasSubject, settings: Settings) -> list[Change]:
        """Put a layer behind the last; see `Remedy.apply_keras`."""
        power = POWERS.get(subject.run.loss_function.function or "")
        if power is None or not _is_bare(subject.run):
            return []
        pairs = [] if settings else _columns(subject.run)
        settings = settings or _statistics(subject.run) or {}
        if not pairs and settings:
            pairs = [(settings["mean"], settings["std"])]
        if not pairs:
            return []
        changes = subject.scale_outputs(pairs)
        if changes and subject.run.optimizer.name == "SGD" and subject.rate is not None:
            # Gradients grow so much; other optimizers divide by their scale.
            grown = max(std for _, std in pairs) ** power
            changes += subject.use_optimizer(learning_rate=subject.rate / grown)
        return changes


def _columns(run: Run) -> list[tuple[float, float]]:
    """Return mean and deviation of the targets of each output, none if they are not in columns."""
    means, deviations = run.facts.get("target_mean") or [], run.facts.get("target_std") or []
    last = [layer for layer in run.layers if layer.output and layer.matrix]
    if len(last) != 1 or last[0].fan_out != len(means) or not all(map(math.isfinite, deviations)):
        return []
    return [rounded(*pair) for pair in zip(means, deviations, strict=True)]


def _statistics(run: Run) -> Settings | None:
    """Return mean and deviation of all targets, from those of the sampled batches."""
    means, deviations = _known(run, "target_mean"), _known(run, "target_std")
    if not means or not deviations:
        return None
    mean = sum(means) / len(means)
    between = sum((value - mean) ** 2 for value in means) / len(means)
    within = sum(value**2 for value in deviations) / len(deviations)
    deviation = math.sqrt(between + within)
    if not math.isfinite(deviation) or deviation <= 1e-12 * max(1.0, abs(mean)):
        return None
    mean, deviation = rounded(mean, deviation)
    return {"mean": mean, "std": deviation}


def _known(run: Run, signal: str) -> list[float]:
    """Return a signal of the targets in the batches where the predictions had not yet exploded.

    Of a loss that is written by hand, the targets are known as predictions minus difference.
    """
    low, high = run.of("prediction_min"), run.of("prediction_max")
    size = math.hypot(*(middle(run.of(name).values[:8]) for name in ("target_mean", "target_std")))
    series = run.of(signal).finite()
    return [
        value
        for step, value in zip(series.steps, series.values, strict=True)
        if max(abs(low.at(step) or 0.0), abs(high.at(step) or 0.0)) < EXPLODED * size
    ]


def _is_bare(run: Run) -> bool:
    """Return whether the loss is given what the last layer puts out, by size and by wiring."""
    last = [layer for layer in run.layers if layer.output and layer.matrix]
    if len(last) != 1 or last[0].activation is not None:
        return False
    given = [run.of(name) for name in ("prediction_mean", "prediction_std")]
    output = run.of("output_rms", last[0].name)
    pairs = []
    for step, size in zip(output.steps, output.values, strict=True):
        if all(step in series.steps for series in given):
            mean, std = (series.at(step) for series in given)
            if mean is not None and std is not None and math.isfinite(mean + std + size):
                pairs.append(abs(math.hypot(mean, std) - size) / max(size, 1e-12))
    return bool(pairs) and middle(pairs) <= TOLERANCE
