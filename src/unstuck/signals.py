"""What is measured: the catalogue of signals, and a run as typed series over (layer, signal)."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any

from unstuck.findings import Location

__all__ = ["SIGNALS", "Activation", "Layer", "Loss", "Optimizer", "Run", "Series"]

SIGNALS: Mapping[str, str] = {
    # Of a layer that owns parameters, once per deep sample.
    "weight_rms": "root mean square of the layer's weight (the parameter with most dimensions)",
    "gradient_rms": "root mean square of that weight's gradient, as the optimizer sees it",
    "gradient_max": "largest absolute value in that gradient",
    "update_ratio": "root mean square of the step's change of the weight over weight_rms",
    "bias_update": "root mean square of the step's change of the bias (0 without a bias)",
    "unit_spread": "how much the weights of a layer's units differ from each other, over their "
    "scale: 0 when all units are the same",
    "gradient_spread": "the same for the gradient",
    "column_range": "how far the gradients of a layer's inputs lie apart, in powers of ten",
    "nonfinite": "share of weight and gradient entries that are NaN or infinite",
    "output_rms": "root mean square of what the layer puts out, before any activation",
    "output_std": "standard deviation of that output over everything",
    "sample_std": "standard deviation of that output over the batch, averaged over units",
    "input_rms": "root mean square of what the layer is given",
    "through_time": "gradient at the earliest use of a recurrent weight in one step, over that at "
    "its latest use",
    # Of an activation, once per deep sample.
    "zero_share": "share of the activation's outputs that are exactly zero",
    "dead_share": "share of units that were zero for every input of the last sampled batches",
    "saturated_share": "share of outputs within 1 % of the activation's flat ends",
    "active_rms": "root mean square of the activation's output",
    # Of the whole run ("" as layer).
    "loss": "the value that backward started from, one per step",
    "learning_rate": "learning rate of the first parameter group, one per change",
    "validation_loss": "mean loss of one gradient-free pass, at the step it was made",
    "validation_accuracy": "share of right predictions of that pass",
    "validation_weights": "norm of one trained weight at that pass, to know its state again",
    "metric": "a metric that the framework reports of an epoch's training, by its name",
    "validation_metric": "the same of a gradient-free pass, by the pass's number and its name",
    "batch_loss": "the loss as its function computed it, in deep samples",
    "penalty": "what regularizers of weights add to the loss, in deep samples and after epochs",
    "least_loss": "what the loss cannot fall below: the entropy of targets that are probabilities",
    "batch_accuracy": "share of right predictions in the training batch, in deep samples",
    "balanced_accuracy": "mean share of each class that is recognized in the last sampled batches",
    "predicted_decrease": "what the step promises to first order: minus gradient times step",
    "gradient_cosine": "cosine between the gradients of two consecutive steps",
    "gradient_norm": "norm over all gradients",
    "probabilities": "1 where the predictions given to the loss were probabilities, else 0",
    "stale_gradient": "1 where the step used gradients left over from an earlier step, else 0",
    "gradient_count": "number of layers whose weight has a gradient when the optimizer steps",
    "validation_probabilities": "1 where that pass gave its loss probabilities, else 0",
    "batch_size": "rows of the batch",
    "target_mean": "mean of the batch's targets",
    "target_std": "standard deviation of the batch's targets",
    "target_spread": "the same over the batch for each output of its own, root mean square over "
    "outputs",
    "target_ratio": "of a few outputs, the largest standard deviation of the targets over the "
    "smallest",
    "output_error": "of those outputs, the largest root mean square error over the standard "
    "deviation of its targets",
    "silent_outputs": "share of the targets' variance over the batch in outputs whose predictions "
    "are the same for every row",
    "target_min": "smallest of the batch's targets",
    "target_max": "largest of the batch's targets",
    "prediction_min": "smallest of the predictions that the loss was given",
    "prediction_max": "largest of those predictions",
    "eval_share": "share of dropout and normalization layers in evaluation mode in a training step",
    "target_classes": "number of different classes in the batch",
    "prediction_mean": "mean of the predictions that the loss was given",
    "prediction_std": "standard deviation of those predictions",
    "prediction_spread": "standard deviation of those predictions over the batch, per output",
    "input_max": "largest absolute value of the model's input",
    "input_mean": "mean of the model's input",
    "input_std": "standard deviation of the model's input",
}


BY_HAND = "HandWritten"
"""What stands for the optimizer's class where the script writes its updates out."""
AFFINE = ("Linear", "Dense", "Conv", "EinsumDense", "DepthwiseConv", "SeparableConv")
"""How the class names of dense layers and convolutions begin, in PyTorch and Keras."""


@dataclass(frozen=True)
class Series(Sequence[float]):
    """Values with the steps they were taken at; both have the same length, steps ascend."""

    steps: tuple[int, ...] = ()
    values: tuple[float, ...] = ()

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, index: Any) -> Any:
        return self.values[index]

    def __iter__(self) -> Iterator[float]:
        return iter(self.values)

    def until(self, step: int) -> Series:
        """Return the part up to and including `step`."""
        end = bisect_right(self.steps, step)
        return Series(self.steps[:end], self.values[:end])

    def since(self, step: int) -> Series:
        """Return the part from `step` on."""
        start = bisect_right(self.steps, step - 1)
        return Series(self.steps[start:], self.values[start:])

    def finite(self) -> Series:
        """Return the part whose values are finite numbers."""
        pairs = [(s, v) for s, v in self.pairs() if math.isfinite(v)]
        return Series(tuple(s for s, _ in pairs), tuple(v for _, v in pairs))

    def pairs(self) -> Iterator[tuple[int, float]]:
        """Return steps with their values."""
        return zip(self.steps, self.values, strict=True)

    def stretches(self, width: int) -> Iterator[Series]:
        """Yield consecutive parts of `width` values, of which the last may be shorter."""
        for start in range(0, len(self), width):
            end = start + width
            yield Series(self.steps[start:end], self.values[start:end])

    def thinned(self, width: int) -> Series:
        """Return the median of each stretch of `width` values, at the stretch's last step.

        What is not finite is left out.
        """
        parts = [(part.steps[-1], part.finite().values) for part in self.stretches(width)]
        kept = [(step, median(values)) for step, values in parts if values]
        return Series(tuple(step for step, _ in kept), tuple(value for _, value in kept))

    def at(self, step: int) -> float | None:
        """Return the last value at or before `step`, or None."""
        index = bisect_right(self.steps, step) - 1
        return self.values[index] if index >= 0 else None

    def between(self, step: int) -> float:
        """Return the value at `step` on straight lines between the values, the nearest outside.

        Raises:
            IndexError: For a series without values.
        """
        after = bisect_right(self.steps, step)
        if after in (0, len(self)):
            return self.values[max(after - 1, 0)]
        (begin, end), (low, high) = (
            self.steps[after - 1 : after + 1],
            self.values[after - 1 : after + 1],
        )
        return low + (high - low) * (step - begin) / (end - begin)


@dataclass(frozen=True)
class Layer:
    """A layer that owns parameters, in the order in which layers run.

    Attributes:
        name: Dotted name as `named_modules` gives it, behind the model's name if there are several.
        kind: Class name, such as ``Linear``.
        shape: Shape of its weight, output units first.
        fan_in: Inputs of one unit.
        fan_out: Outputs that one input reaches.
        location: Where it was constructed.
        activation: Kind of the first activation that its output reaches (``relu``, ``sigmoid``,
            ``tanh``, ...), or None when the next layer or the loss comes first.
        activation_name: Name of that activation in `Run.activations`.
        normalized: Whether a normalization layer stands between it and its activation.
        output: Whether no other layer comes after it.
        trainable: Whether its weight asks for gradients.
        optimized: Whether an optimizer holds its weight.
        dimensions: Dimensions of its output, 0 if never seen.
        depth: Number of layers with weights on the longest way from the input to it.
    """

    name: str
    kind: str
    shape: tuple[int, ...] = ()
    fan_in: int = 0
    fan_out: int = 0
    location: Location | None = None
    activation: str | None = None
    activation_name: str | None = None
    normalized: bool = False
    output: bool = False
    trainable: bool = True
    optimized: bool = True
    dimensions: int = 0
    depth: int = 0
    residual: bool = False

    @property
    def matrix(self) -> bool:
        """Whether its weight has at least two dimensions (not a norm's scale, not a bias)."""
        return len(self.shape) >= 2

    @property
    def affine(self) -> bool:
        """Whether it is a dense layer or a convolution: linear but for an activation behind it."""
        return self.kind.startswith(AFFINE)


@dataclass(frozen=True)
class Activation:
    """A nonlinearity, a module or a function called in some forward.

    Attributes:
        name: The module's dotted name, or ``function@file:line`` for a functional call.
        kind: ``relu``, ``leaky_relu``, ``sigmoid``, ``tanh``, ``softmax``, ...
        location: Where the module was constructed or the function is called.
        functional: Whether it is a function call.
        output: Whether no layer with parameters comes after it.
        units: Number of units (size of the feature dimension).
    """

    name: str
    kind: str
    location: Location | None = None
    functional: bool = False
    output: bool = False
    units: int = 0


@dataclass(frozen=True)
class Loss:
    """How the training loss is computed.

    Attributes:
        function: ``cross_entropy``, ``mse_loss``, ...; None if it is the script's own expression.
        location: Where backward is called.
        chain: Operations from the loss back to the last layer, the loss's own first
            (``nll_loss``, ``log_softmax``, ``softmax``, ``addmm``), as autograd saw them.
        prediction_shape: Shape of what the loss function is given.
        target_shape: Shape of what it is compared with.
        target_dtype: dtype of the targets.
        reduction: ``mean`` or ``sum``.
    """

    function: str | None = None
    location: Location | None = None
    chain: tuple[str, ...] = ()
    prediction_shape: tuple[int, ...] = ()
    target_shape: tuple[int, ...] = ()
    target_dtype: str = ""
    reduction: str = "mean"


@dataclass(frozen=True)
class Optimizer:
    """An optimizer as it was constructed.

    Attributes:
        name: Class name, such as ``SGD``.
        settings: Its numeric settings (``lr``, ``momentum``, ``weight_decay``, ...).
        location: The constructor call.
        step_location: Where ``step`` is called.
        variable: The expression by which the script calls it.
        model: The expression by which the script calls the model, where the optimizer is made.
    """

    name: str
    settings: Mapping[str, float] = field(default_factory=dict)
    location: Location | None = None
    step_location: Location | None = None
    variable: str | None = None
    model: str | None = None

    @property
    def by_hand(self) -> bool:
        """Whether there is none: the script writes its updates out."""
        return self.name == BY_HAND


@dataclass(frozen=True, eq=False)
class Run:
    """One training: one optimizer, the layers it trains, and what was measured of them.

    Runs are compared by identity, so that what follows from one is computed once.
    `series` is keyed by (layer name, signal); the layer is "" for signals of the whole run.
    `facts` holds what is measured once, such as the inputs' statistics.
    """

    layers: tuple[Layer, ...] = ()
    activations: tuple[Activation, ...] = ()
    optimizer: Optimizer = field(default_factory=lambda: Optimizer("SGD"))
    loss_function: Loss = field(default_factory=Loss)
    steps: int = 0
    series: Mapping[tuple[str, str], Series] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    framework: str = "torch"
    script: str = ""
    index: int = 0
    complete: bool = True

    def of(self, signal: str, layer: str = "") -> Series:
        """Return the series of `signal`, empty if it was not measured."""
        return self.series.get((layer, signal), Series())

    @property
    def loss(self) -> Series:
        """The training loss, one value a step."""
        return self.of("loss")

    def layer(self, name: str) -> Layer | None:
        """Return the layer called `name`, or None."""
        return next((layer for layer in self.layers if layer.name == name), None)

    @property
    def weights(self) -> tuple[Layer, ...]:
        """The trained layers whose weight is a matrix or kernel, in the order they run."""
        return tuple(la for la in self.layers if la.matrix and la.trainable and la.optimized)

    def until(self, step: int) -> Run:
        """Return the run as it was known after `step`: for asking when a diagnosis stood."""
        series = {key: value.until(step) for key, value in self.series.items()}
        return replace(self, series=series, steps=min(self.steps, step + 1), complete=False)
