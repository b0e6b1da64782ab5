"""What a loss of Keras is called in a record, what it wants, and what it was given."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras.src import backend
from keras.src.losses.losses import LossFunctionWrapper

from unstuck.findings import Location
from unstuck.frameworks.array_measure import Array

__all__ = [
    "Compared",
    "class_numbers",
    "compared",
    "crosses",
    "function_of",
    "normalizes",
    "place_of",
    "written",
]

_FUNCTIONS: Mapping[str, str] = {
    "mean_squared_error": "mse_loss",
    "mean_absolute_error": "l1_loss",
    "huber": "huber_loss",
    "poisson": "poisson_nll_loss",
    "kl_divergence": "kl_div",
}
"""Function of Keras -> the name of the same loss in torch.nn.functional, which records use."""
_ENTROPIES = ("categorical_crossentropy", "sparse_categorical_crossentropy")
_REDUCTIONS: Mapping[Any, str] = {"sum": "sum", "none": "none", None: "none"}
ROUNDING = 1e-6
"""Values that differ by less, as a share, are the same: sums of single precision in another order
(eight times its unit roundoff)."""
INSIDE: Mapping[str, str] = {"cross_entropy": "log_softmax", "nll_loss": "log"}
"""What a loss does first with the predictions, where that is not the loss itself."""


@dataclass(frozen=True)
class Compared:
    """Predictions and targets of one call of a loss.

    Attributes:
        function: Name of the loss, None if it is the script's own.
        prediction: What the loss compares, as it compares it: classes last.
        target: Targets; class numbers where they say which of several classes it is.
        loss: Its value.
        reduction: ``mean``, ``sum`` or ``none``.
        stretched: Shape of the table that a column against a row became, or empty.
        least: What the mean loss cannot fall below: the entropy of targets that are probabilities.
    """

    function: str | None
    prediction: Array
    target: Array
    loss: float
    reduction: str
    stretched: tuple[int, ...] = ()
    least: float = 0.0

    @property
    def prediction_shape(self) -> list[int]:
        """Shape of the predictions; classes, where there are several, as dimension 1."""
        shape = list(self.prediction.shape)
        if self.function in INSIDE and len(shape) > 2:
            shape.insert(1, shape.pop())
        return shape


def function_of(loss: Any) -> str | None:
    """Return the name of a loss object's function, None for one of the script's own."""
    if not isinstance(loss, LossFunctionWrapper):
        return None
    if not getattr(loss.fn, "__module__", "").startswith("keras."):
        return None
    name = str(loss.fn.__name__)
    logits = bool(loss._fn_kwargs.get("from_logits"))
    if name in _ENTROPIES:
        return "cross_entropy" if logits else "nll_loss"
    if name == "binary_crossentropy":
        return "binary_cross_entropy_with_logits" if logits else "binary_cross_entropy"
    return _FUNCTIONS.get(name, name)


def compared(loss: Any, target: Array, prediction: Array, value: Array) -> Compared:
    """Return what a loss object compared.

    Args:
        loss: The loss.
        target: As the loss was given it.
        prediction: As the loss was given it.
        value: What it returned.
    """
    reduction = _REDUCTIONS.get(loss.reduction, "mean")
    total = float(np.sum(value))
    function = function_of(loss)
    if isinstance(loss, LossFunctionWrapper):
        target, prediction = _same_rank(target, prediction)
    least = _least(loss, target, prediction)
    if function in INSIDE:
        goal = class_numbers(target, prediction)
        return Compared(function, prediction, goal, total, reduction, least=least)
    if function is None:
        name, stretched = written(target, prediction, total)
        if name is None and _logistic(target, prediction, total):
            name = "binary_cross_entropy_with_logits"
        return Compared(name, prediction, target, total, reduction, stretched)
    return Compared(function, prediction, target, total, reduction, least=least)


def crosses(loss: Any, target: Array, prediction: Array) -> bool | None:
    """Return whether a loss of the script's own compares every prediction with every target.

    Where targets are one number a row it does, if their order is of no account to it, but whether
    they are a column is: it is asked again, with the targets in reverse and with their last
    dimension added or taken away.

    Returns:
        None where this batch does not tell, as where all predictions are the same.
    """
    rows = target.shape[0] if target.ndim else 0
    if target.shape not in ((rows,), (rows, 1)) or prediction.shape[:1] != (rows,) or rows < 2:
        return False
    if target.shape == prediction.shape:
        return False
    other = target[:, None] if target.ndim == 1 else target[:, 0]
    values = _asked(loss, [(each, prediction) for each in (target, target[::-1].copy(), other)])
    if not values:
        return False
    said, reverse, shaped = values
    rounding = ROUNDING * max(abs(said), 1e-12)
    if not abs(reverse - said) <= rounding:
        return False
    return True if abs(shaped - said) > 10 * rounding else None


def normalizes(loss: Any, target: Array, prediction: Array) -> bool:
    """Return whether a loss of the script's own applies a softmax to the outputs of a row.

    If it does, it is the same with a number added to all of a row; where all are equal, it is the
    entropy of equal shares, in the sum or the mean of rows or classes; and it is curved, which a
    margin between two is not.
    """
    classes = prediction.shape[-1] if prediction.ndim >= 2 else 1
    if classes < 2:
        return False
    one = np.zeros_like(prediction)
    one[..., 0] = 1
    given = [prediction, prediction + 1, prediction + one, prediction - one, 0 * one]
    values = _asked(loss, [(target, each) for each in given])
    if not values:
        return False
    said, shifted, more, less, equal = values
    curved = more + less - 2 * said > 1e-3 * abs(said)
    counts = (1, prediction.size / classes, 1 / classes)
    entropy = any(_close(equal, math.log(classes) * count) for count in counts)
    return abs(shifted - said) <= 10 * ROUNDING * max(abs(said), 1e-12) and curved and entropy


def _asked(loss: Any, pairs: Sequence[tuple[Array, Array]]) -> list[float]:
    """Return the mean values of a loss for targets and predictions; none where it wants others."""
    with backend.StatelessScope(), _undisturbed(), np.errstate(all="ignore"):
        try:
            values = [loss.call(*map(backend.convert_to_tensor, pair)) for pair in pairs]
        except Exception:  # it wants what it was given
            return []
        return [float(np.mean(backend.convert_to_numpy(value))) for value in values]


def place_of(loss: Any) -> dict[str, Any] | None:
    """Return where a loss compares, and what it calls target and prediction; None if unknown."""
    code = getattr(type(loss).call, "__code__", None)
    if code is None or code.co_argcount < 3:
        return None
    target, prediction = code.co_varnames[1:3]
    location = Location(code.co_filename, code.co_firstlineno)
    return {"location": location.to_json(), "target": target, "prediction": prediction}


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Leave gradients and random numbers of PyTorch as they are."""
    if backend.backend() != "torch":
        yield
        return
    import torch

    with torch.no_grad(), torch.random.fork_rng():
        yield


def _least(loss: Any, target: Array, prediction: Array) -> float:
    """Return the entropy of targets that are probabilities, of one row or one output, else 0."""
    name = str(getattr(getattr(loss, "fn", None), "__name__", ""))
    if name not in ("categorical_crossentropy", "binary_crossentropy"):
        return 0.0
    if target.shape != prediction.shape or not np.isfinite(target).all():
        return 0.0
    smooth = float(loss._fn_kwargs.get("label_smoothing") or 0.0)
    binary = name.startswith("binary")
    shares = target.astype(np.float64)
    shares = shares * (1 - smooth) + smooth / (2 if binary else target.shape[-1])
    if shares.min() < 0 or shares.max() > 1:
        return 0.0
    entropy = -shares * np.log(np.maximum(shares, 1e-12))
    if binary:
        return float((entropy - (1 - shares) * np.log(np.maximum(1 - shares, 1e-12))).mean())
    return float(entropy.sum(axis=-1).mean())


def _same_rank(target: Array, prediction: Array) -> tuple[Array, Array]:
    """Add or drop a last dimension of 1, as Keras does before it calls a loss function."""
    if target.ndim == prediction.ndim + 1 and target.shape[-1] == 1:
        if prediction.ndim == 1:
            return target, prediction[:, None]
        return target[..., 0], prediction
    if prediction.ndim == target.ndim + 1 and prediction.shape[-1] == 1:
        if target.ndim == 1:
            return target[:, None], prediction
        return target, prediction[..., 0]
    return target, prediction


def class_numbers(target: Array, prediction: Array) -> Array:
    """Return class numbers, shape of the predictions without their last dimension if possible."""
    if target.shape == prediction.shape and prediction.ndim >= 2:
        return np.asarray(target.argmax(-1))
    if target.ndim == prediction.ndim and target.shape[-1] == 1:
        target = target[..., 0]
    return target.astype(np.int64) if np.isfinite(target).all() else target


def written(target: Array, prediction: Array, value: float) -> tuple[str | None, tuple[int, ...]]:
    """Tell from its value whether a loss of the script's own is a mean of squares or of sizes.

    Returns:
        The function that gives the same value, or None; and the shape of the table where only the
        difference of a column and a row gives it, else ().
    """
    if not np.isfinite(value) or target.size != prediction.size or target.size < 2:
        return None, ()
    wide, flat = prediction.astype(np.float64), target.astype(np.float64)
    aligned = wide.reshape(-1) - flat.reshape(-1)
    for name, loss in _MEANS.items():
        if _close(loss(aligned), value):
            return name, ()
    if wide.size > 4096 or len(wide.shape) > 2 or {*wide.shape[1:], *flat.shape[1:]} - {1}:
        return None, ()
    # Whether predictions were squeezed on the way to the loss, their shape does not say.
    table = wide.reshape(-1, 1) - flat.reshape(1, -1)
    for name, loss in {**_MEANS, **_OTHERS}.items():
        if _close(loss(table), value) and not _close(loss(aligned), value):
            return (name if name in _MEANS else None), table.shape
    return None, ()


def _logistic(target: Array, prediction: Array, value: float) -> bool:
    """Return whether a loss is what the binary cross-entropy is of predictions that are logits."""
    if (
        target.size != prediction.size
        or not 0 <= target.min(initial=0) <= target.max(initial=0) <= 1
    ):
        return False
    wide, flat = prediction.astype(np.float64).reshape(-1), target.reshape(-1)
    return target.size > 1 and _close(float((np.logaddexp(0, wide) - flat * wide).mean()), value)


def _close(one: float, other: float) -> bool:
    return abs(one - other) <= 1e-4 * max(abs(other), 1e-12)


def _huber(difference: Array) -> float:
    size = np.abs(difference)
    return float(np.where(size <= 1, 0.5 * size**2, size - 0.5).mean())


_MEANS: Mapping[str, Callable[[Array], float]] = {
    "mse_loss": lambda d: float(np.square(d).mean()),
    "l1_loss": lambda d: float(np.abs(d).mean()),
}
_OTHERS: Mapping[str, Callable[[Array], float]] = {
    "root of the mean square": lambda d: math.sqrt(np.square(d).mean()),
    "half the mean square": lambda d: float(np.square(d).mean()) / 2,
    "sum of squares": lambda d: float(np.square(d).sum()),
    "sum of sizes": lambda d: float(np.abs(d).sum()),
    "huber": _huber,
    "log cosh": lambda d: float((np.logaddexp(d, -d) - math.log(2)).mean()),
    "root of one and the square": lambda d: float((np.sqrt(1 + np.square(d)) - 1).mean()),
}
"""What scripts make of differences in a loss that is no object of Keras'."""
