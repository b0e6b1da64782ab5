"""Numbers out of arrays: pure functions from numpy arrays to floats, for every Keras backend.

They say of arrays what `torch_measure` says of tensors. Class axes are last, as Keras has them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Array",
    "activation_numbers",
    "apart",
    "column_range",
    "cosine",
    "fired",
    "in_columns",
    "nonfinite",
    "output_numbers",
    "probabilities",
    "right",
    "rms",
    "silent",
    "spread",
    "thin",
]

Array = NDArray[Any]

FEW = 16
"""Outputs of a regression that are looked at one by one; more are an image or a sequence."""
EXPLODED = 1e4
"""Predictions of so many times the targets' size say nothing of these."""
MAXIMUM = 65_536
"""Entries of an array that are looked at; of larger arrays, every n-th."""
SATURATION = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0)}
"""Kinds of activation with two flat ends, and where these lie."""
_QUIET: Any = {"all": "ignore"}


def thin(array: Array, maximum: int = MAXIMUM) -> Array:
    """Return at most `maximum` entries of an array as float32 or float64, shape (n,).

    Entries are taken at an odd stride, so that they do not fall into one column of a matrix.
    """
    flat = np.asarray(array).reshape(-1)
    if flat.size > maximum:
        flat = flat[:: -(-flat.size // maximum) | 1]
    return flat if flat.dtype in (np.float32, np.float64) else flat.astype(np.float32)


def rms(values: Array) -> float:
    """Return the root mean square of an array, 0 of an empty one."""
    with np.errstate(**_QUIET):
        return float(np.linalg.norm(values.reshape(-1))) / math.sqrt(max(values.size, 1))


def nonfinite(*arrays: Array) -> float:
    """Return the share of entries that are NaN or infinite."""
    finite = sum(int(np.isfinite(array).sum()) for array in arrays)
    return 1 - finite / max(sum(array.size for array in arrays), 1)


def _corner(rows: Array) -> Array:
    return rows.reshape(rows.shape[0], -1)[:256, :256].astype(np.float32, copy=False)


def spread(weight: Array) -> float:
    """Return how much a layer's units differ, over the scale of their weights; 0 if all agree.

    Args:
        weight: Units first, shape (units, ...); at most 256 units and 256 inputs are compared.
    """
    if weight.ndim < 2 or weight.shape[0] < 2:
        return 1.0
    rows = _corner(weight)
    with np.errstate(**_QUIET):
        scale = float(np.linalg.norm(rows))
        difference = float(np.linalg.norm(rows - rows[:1]))
    return 0.0 if scale == 0 else difference / scale


def column_range(gradient: Array) -> float:
    """Return how far the gradients of a layer's inputs lie apart, in powers of ten.

    The decimal logarithm of the ratio between the 90th and the 10th percentile of the columns' root
    mean squares; columns without any gradient are left out.

    Args:
        gradient: Units first, shape (units, inputs, ...); at most 256 of each are compared.
    """
    if gradient.ndim < 2:
        return 0.0
    with np.errstate(**_QUIET):
        columns = np.linalg.norm(_corner(gradient), axis=0)
        columns = np.log10(columns[columns > 0])
        if not columns.size:
            return math.nan
        low, high = np.quantile(columns, [0.1, 0.9])
    return float(high - low)


def activation_numbers(kind: str, output: Array) -> list[float]:
    """Return zero_share, saturated_share and active_rms of an activation's output."""
    values = thin(output)
    count = max(values.size, 1)
    saturated = 0.0
    if kind in SATURATION:
        low, high = SATURATION[kind]
        margin = 0.01 * (high - low)
        flat = (values < low + margin) | (values > high - margin)
        saturated = float(flat.sum()) / count
    return [float((values == 0).sum()) / count, saturated, rms(values)]


def fired(output: Array, axis: int = -1) -> Array:
    """Return for each unit whether it is non-zero for any input of the batch, shape (units,).

    Args:
        output: Shape (batch, ..., units), or with the units at `axis`.
        axis: The dimension that counts units.
    """
    units = np.moveaxis(output, axis, 0)
    return np.asarray(np.any(units.reshape(units.shape[0], -1) != 0, axis=1))


def output_numbers(output: Array) -> list[float]:
    """Return output_rms, output_std and sample_std of a layer's output, shape (batch, ...)."""
    rows = output.reshape(output.shape[0], -1) if output.ndim > 1 else output.reshape(-1, 1)
    if rows.size > MAXIMUM:
        rows = rows[:, :: -(-rows.shape[1] // max(MAXIMUM // max(rows.shape[0], 1), 1)) | 1]
    if rows.dtype not in (np.float32, np.float64):
        rows = rows.astype(np.float32)
    with np.errstate(**_QUIET):
        return [rms(rows), rms(rows - rows.mean()), rms(rows - rows.mean(axis=0))]


def cosine(first: Array, second: Array) -> float:
    """Return the cosine between two vectors, 0 if one of them is zero."""
    with np.errstate(**_QUIET):
        scale = float(np.linalg.norm(first)) * float(np.linalg.norm(second))
        return float(first @ second) / scale if scale else 0.0


def right(function: str, prediction: Array, target: Array) -> tuple[int, int]:
    """Return how many predictions are right and how many were judged; (0, 0) if none can be.

    Args:
        function: Name of the loss.
        prediction: Shape (..., classes), or (...) of a binary loss.
        target: Class numbers, shape (...); or like `prediction`, of a binary loss.
    """
    if function in ("cross_entropy", "nll_loss") and prediction.ndim >= 2:
        if prediction.shape[:-1] != target.shape:
            return 0, 0
        return int((prediction.argmax(-1) == target).sum()), target.size
    if function.startswith("binary_cross_entropy") and prediction.shape == target.shape:
        border = 0.0 if function.endswith("logits") else 0.5
        return int(((prediction > border) == (target > 0.5)).sum()), target.size
    return 0, 0


def probabilities(prediction: Array) -> float:
    """Return 1.0 if predictions, shape (..., classes), are probabilities over classes, else 0.0."""
    if prediction.ndim < 2 or prediction.shape[-1] < 2:
        return 0.0
    sums = prediction.astype(np.float64).sum(axis=-1)
    return float(bool((prediction >= 0).all()) and bool((abs(sums - 1) < 1e-3).all()))


def apart(prediction: Array, target: Array) -> list[float]:
    """Return how far the scales of a few outputs lie apart, and the error of the worst of them.

    Args:
        prediction: Shape (batch, outputs).
        target: The same shape; NaN where it is not, or there are no 2 to `FEW` outputs.

    Returns:
        The largest over the smallest standard deviation of targets, of the outputs that vary; the
        largest root mean square error of these, over the standard deviation of its targets.
    """
    few = target.ndim == 2 and target.shape == prediction.shape and 2 <= target.shape[1] <= FEW
    if not few or target.shape[0] < 8 or not np.issubdtype(target.dtype, np.floating):
        return [math.nan, math.nan]
    with np.errstate(**_QUIET):
        deviations = target.astype(np.float32).std(axis=0)
        errors = np.sqrt(np.square((prediction - target).astype(np.float32)).mean(axis=0))
        varying = deviations > 0
        if int(varying.sum()) < 2:
            return [math.nan, math.nan]
        deviations, errors = deviations[varying], errors[varying]
        return [float(deviations.max() / deviations.min()), float((errors / deviations).max())]


def silent(prediction: Array, target: Array) -> float:
    """Return the share of the targets' variance in outputs that are the same for every row.

    Args:
        prediction: Shape (batch, ...).
        target: The same shape; NaN where it is not, or where there are fewer than eight rows.
    """
    if target.shape != prediction.shape or target.ndim < 2 or target.shape[0] < 8:
        return math.nan
    given, goals = (values.reshape(values.shape[0], -1) for values in (prediction, target))
    step = -(-goals.shape[1] // max(MAXIMUM // goals.shape[0], 1)) | 1
    given, goals = given[:, ::step], goals[:, ::step].astype(np.float32)
    with np.errstate(**_QUIET):
        variances = goals.var(axis=0)
        whole = float(variances.sum())
        same = given.max(axis=0) == given.min(axis=0)
        return float(variances[same].sum()) / whole if whole else math.nan


def in_columns(prediction: Array, target: Array) -> bool:
    """Return whether targets are a few columns of numbers, and the predictions have not exploded.

    Args:
        prediction: Shape (batch, outputs).
        target: The same shape.
    """
    few = target.ndim == 2 and target.shape == prediction.shape
    if not few or not 2 <= target.shape[1] <= Moments.COLUMNS:
        return False
    with np.errstate(**_QUIET):
        numbers = np.issubdtype(target.dtype, np.floating)
        return bool(numbers and np.abs(prediction).max() < EXPLODED * rms(target))


class Moments:
    """Running mean and standard deviation of data, per column where there are few."""

    COLUMNS = 64

    def __init__(self, values: Array) -> None:
        self.per_column = values.ndim == 2 and values.shape[1] <= self.COLUMNS
        self.count = 0
        self.mean: Any = 0.0
        self.square: Any = 0.0

    def add(self, values: Array) -> None:
        """Add a batch, shape (rows, columns) or anything."""
        rows = values.astype(np.float64)
        if self.per_column:
            if rows.ndim != 2 or (self.count and rows.shape[1] != self.mean.shape[0]):
                return
        else:
            rows = thin(rows).reshape(-1, 1)
        count, total = rows.shape[0], self.count + rows.shape[0]
        if not count:
            return
        with np.errstate(**_QUIET):
            delta = rows.mean(axis=0) - self.mean
            within = rows.var(axis=0) * count
            self.square = self.square + within + delta**2 * self.count * count / total
            self.mean = self.mean + delta * count / total
        self.count = total

    def facts(self, name: str) -> dict[str, Any]:
        """Return the facts `name`_mean and `name`_std, lists over columns (of length 1 for all)."""
        if not self.count:
            return {}
        deviation = (self.square / self.count) ** 0.5
        return {f"{name}_mean": self.mean.tolist(), f"{name}_std": deviation.tolist()}
