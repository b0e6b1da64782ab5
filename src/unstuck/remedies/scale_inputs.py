"""The remedy scale-inputs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from unstuck.remedies import Change, Remedy, Settings

if TYPE_CHECKING:
    from unstuck.frameworks.torch_treatment import Subject
    from unstuck.sources.keras_subject import KerasSubject

__all__ = ["ScaleInputs", "numbers", "rounded"]

FEATURES = 64
"""Up to so many features, each gets a mean and a scale of its own."""
PER_FEATURE = """\
def $scale_inputs(module, inputs):  # statistics of the training inputs
    mean = torch.tensor(MEAN).to(inputs[0])
    std = torch.tensor(STD).to(inputs[0])
    return ((inputs[0] - mean) / std, *inputs[1:])
$model.register_forward_pre_hook($scale_inputs)
"""
SCALAR = """\
def $scale_inputs(module, inputs):  # statistics of the training inputs
    return ((inputs[0] MEAN) / STD, *inputs[1:])
$model.register_forward_pre_hook($scale_inputs)
"""


class ScaleInputs(Remedy):
    """Standardize the model's input by the mean and deviation of the training inputs.

    What it does:
        A hook in front of the model subtracts the mean and divides by the standard deviation,
        per feature for up to 64 features, else one of each. The numbers are those of the training
        inputs, written out, so nothing leaks from validation or test data. Of Keras, a
        ``Rescaling`` layer in front of the first one does it.

    When it helps:
        Features of different scales make the loss a narrow valley; a large offset makes all
        gradients of a unit point the same way.

    Settings:
        None.

    Limits:
        Applies to one model with a floating-point first input. The hook belongs to the script's
        model object: a checkpoint of the weights alone does not hold it.

    References:
        LeCun, Bottou, Orr, Müller: Efficient BackProp, 1998, section 4.3.
    """

    def apply_torch(self, subject: Subject, settings: Settings) -> list[Change]:
        """Attach the hook; see `Remedy.apply_torch`."""
        facts = subject.run.facts
        means, deviations = facts.get("input_mean"), facts.get("input_std")
        if not means or not deviations or "float" not in str(facts.get("input_dtype", "float")):
            return []
        pairs = [rounded(*pair) for pair in zip(means, deviations, strict=True)]
        if len(subject.models) != 1 or len(pairs) > FEATURES:
            return []
        if len(pairs) == 1:
            mean, deviation = pairs[0]
            sign = "-" if mean >= 0 else "+"
            lines = SCALAR.replace("MEAN", f"{sign} {abs(mean)!r}").replace("STD", repr(deviation))
        else:
            lines = PER_FEATURE.replace("MEAN", numbers([mean for mean, _ in pairs]))
            lines = lines.replace("STD", numbers([std for _, std in pairs]))
        return subject.before_optimizer("inputs standardized", lines)

    def apply_keras(self, subject: KerasSubject, settings: Settings) -> list[Change]:
        """Put a layer in front of the first; see `Remedy.apply_keras`."""
        facts = subject.run.facts
        means, deviations = facts.get("input_mean"), facts.get("input_std")
        if not means or not deviations or len(means) > FEATURES:
            return []
        pairs = [rounded(*pair) for pair in zip(means, deviations, strict=True)]
        return subject.scale_inputs([m for m, _ in pairs], [d for _, d in pairs])


def rounded(mean: float, deviation: float) -> tuple[float, float]:
    """Return both with four significant digits of the deviation; a constant is left unscaled."""
    if not math.isfinite(deviation) or deviation <= 1e-12 * max(1.0, abs(mean)):
        return float(f"{mean:.6g}"), 1.0
    digits = 3 - math.floor(math.log10(deviation))
    return round(mean, digits) + 0.0, round(deviation, digits)


def numbers(values: list[float]) -> str:
    """Return a list as source, wrapped into lines of some eight numbers."""
    text = [repr(value) for value in values]
    if len(text) <= 8:
        return f"[{', '.join(text)}]"
    rows = [", ".join(text[index : index + 8]) for index in range(0, len(text), 8)]
    return "[\n" + "".join(f"        {row},\n" for row in rows) + "    ]"
