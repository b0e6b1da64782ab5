"""Numbers out of tensors: pure functions from a tensor to scalars that stay on its device.

Nothing here draws a random number, keeps a graph alive or waits for the device; the watcher
gathers the scalars of a whole sample and fetches them in one transfer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

__all__ = [
    "SATURATION",
    "Moments",
    "activation_scalars",
    "at_hand",
    "fetch",
    "in_columns",
    "probabilities",
    "right",
    "rms",
    "silent",
    "spread",
    "thin",
    "together",
    "value_range",
]

FEW = 16
"""Outputs of a regression that are looked at one by one; more are an image or a sequence."""
EXPLODED = 1e4
"""Predictions of so many times the targets' size say nothing of these."""
MAXIMUM = 65_536
"""Entries of a tensor that are looked at; of larger tensors, every n-th."""

SATURATION = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0)}
"""Kinds of activation with two flat ends, and where these lie."""


def at_hand(tensor: Tensor) -> bool:
    """Return whether a tensor's values can be read without waiting for a device."""
    return bool(tensor.is_cpu)


def fetch(scalars: Sequence[Tensor]) -> list[float]:
    """Return scalar tensors as numbers, with one transfer for each device that holds some."""
    numbers = [0.0] * len(scalars)
    devices: dict[Any, list[int]] = {}
    for index, scalar in enumerate(scalars):
        devices.setdefault(None if scalar.is_cpu else scalar.device, []).append(index)
    for indices in devices.values():
        values = torch.stack([scalars[index].detach().float() for index in indices]).tolist()
        for index, value in zip(indices, values, strict=True):
            numbers[index] = value
    return numbers


def together(scalars: Sequence[Tensor], combine: Callable[[Tensor], Tensor]) -> Tensor:
    """Return what `combine` makes of scalars, on the device of the first of them."""
    first = scalars[0]
    return combine(torch.stack([scalar.to(first.device, first.dtype) for scalar in scalars]))


def thin(tensor: Tensor, maximum: int = MAXIMUM) -> Tensor:
    """Return at most `maximum` entries of a tensor as float32 or float64, shape (n,).

    A view where that is possible. Entries are taken at an odd stride, so that they do not fall
    into one column of a matrix.
    """
    flat = tensor.detach()
    if flat.is_sparse:
        flat = flat.coalesce().values()
    flat = flat.reshape(-1)
    if flat.numel() > maximum:
        stride = -(-flat.numel() // maximum) | 1
        flat = flat[::stride]
    return flat if flat.dtype in (torch.float32, torch.float64) else flat.float()


def rms(values: Tensor) -> Tensor:
    """Return the root mean square of a tensor as a scalar tensor."""
    return torch.linalg.vector_norm(values) / max(values.numel(), 1) ** 0.5


def spread(weight: Tensor) -> Tensor:
    """Return how much a layer's units differ, over the scale of their weights; 0 if all agree.

    Args:
        weight: Units first, shape (units, ...); at most 256 units and 256 inputs are compared.
    """
    rows = weight.detach()
    if rows.is_sparse or rows.ndim < 2 or rows.shape[0] < 2:
        return torch.ones((), device=weight.device)
    rows = rows.flatten(1)[:256, :256].float()
    scale = torch.linalg.vector_norm(rows)
    difference = torch.linalg.vector_norm(rows - rows[:1])
    return torch.where(scale > 0, difference / scale, torch.zeros_like(scale))


def column_range(gradient: Tensor) -> Tensor:
    """Return how far the gradients of a layer's inputs lie apart, in powers of ten.

    The decimal logarithm of the ratio between the 90th and the 10th percentile of the columns' root
    mean squares; columns without any gradient are left out.

    Args:
        gradient: Units first, shape (units, inputs, ...); at most 256 of each are compared.
    """
    if gradient.is_sparse or gradient.ndim < 2:
        return torch.zeros((), device=gradient.device)
    rows = gradient.detach().flatten(1)[:256, :256].float()
    columns = torch.linalg.vector_norm(rows, dim=0)
    columns = columns.where(columns > 0, torch.nan).log10()
    low, high = torch.nanquantile(columns, columns.new_tensor([0.1, 0.9]))
    return high - low


def activation_scalars(kind: str, output: Tensor) -> list[Tensor]:
    """Return zero_share, saturated_share and active_rms of an activation's output."""
    values = thin(output)
    count = max(values.numel(), 1)
    zero = (values == 0).sum() / count
    ends = SATURATION.get(kind)
    if ends is None:
        saturated = torch.zeros((), device=values.device)
    else:
        low, high = ends
        margin = 0.01 * (high - low)
        saturated = ((values < low + margin) | (values > high - margin)).sum() / count
    return [zero, saturated, rms(values)]


def fired(output: Tensor) -> Tensor:
    """Return for each unit whether it is non-zero for any input of the batch.

    Args:
        output: Shape (batch, units), (batch, units, ...) for images or (batch, time, units).

    Returns:
        Booleans, shape (units,).
    """
    values = output.detach()
    axis = unit_axis(values)
    others = [dimension for dimension in range(values.ndim) if dimension != axis]
    # A sum is twenty times as fast as `any` over the same entries.
    return (values.abs().sum(dim=others) if others else values) != 0


def unit_axis(values: Tensor) -> int:
    """Return the dimension that counts units: 1 for images (4 or 5 dimensions), else the last."""
    return 1 if values.ndim >= 4 else values.ndim - 1


def output_scalars(output: Tensor) -> list[Tensor]:
    """Return output_rms, output_std and sample_std of a layer's output, shape (batch, ...)."""
    values = output.detach()
    if values.dtype not in (torch.float32, torch.float64):
        values = values.float()
    rows = values.reshape(values.shape[0], -1) if values.ndim > 1 else values.reshape(-1, 1)
    if rows.numel() > MAXIMUM:
        step = -(-rows.shape[1] // max(MAXIMUM // max(rows.shape[0], 1), 1)) | 1
        rows = rows[:, ::step]
    deviation = rows - rows.mean(dim=0)
    return [rms(rows), rms(rows - rows.mean()), rms(deviation)]


def target_spread(target: Tensor) -> float:
    """Return the standard deviation of targets over the batch, per output; unbiased in variance.

    Args:
        target: Shape (batch, ...); NaN for classes and for fewer than two rows.
    """
    count = target.shape[0] if target.ndim else 1
    if count < 2 or not target.is_floating_point():
        return math.nan
    return float(output_scalars(target)[2]) * math.sqrt(count / (count - 1))


def apart(prediction: Tensor, target: Tensor) -> list[float]:
    """Return how far the scales of a few outputs lie apart, and the error of the worst of them.

    Args:
        prediction: Shape (batch, outputs).
        target: The same shape; NaN where it is not, or there are no 2 to `FEW` outputs.

    Returns:
        The largest over the smallest standard deviation of targets, of the outputs that vary; the
        largest root mean square error of these, over the standard deviation of its targets.
    """
    few = target.ndim == 2 and target.shape == prediction.shape and 2 <= target.shape[1] <= FEW
    if not few or target.shape[0] < 8 or not target.is_floating_point():
        return [math.nan, math.nan]
    deviations = target.float().std(dim=0, correction=0)
    errors = (prediction - target).float().square().mean(dim=0).sqrt()
    varying = deviations > 0
    if int(varying.sum()) < 2:
        return [math.nan, math.nan]
    deviations, errors = deviations[varying], errors[varying]
    return [float(deviations.max() / deviations.min()), float((errors / deviations).max())]


def silent(prediction: Tensor, target: Tensor) -> float:
    """Return the share of the targets' variance in outputs that are the same for every row.

    Args:
        prediction: Shape (batch, ...).
        target: The same shape; NaN where it is not, or where there are fewer than eight rows.
    """
    alike = target.shape == prediction.shape and prediction.is_floating_point()
    if not alike or target.ndim < 2 or target.shape[0] < 8:
        return math.nan
    given, goals = prediction.flatten(1), target.flatten(1)
    step = -(-goals.shape[1] // max(MAXIMUM // goals.shape[0], 1)) | 1
    given, variances = given[:, ::step], goals[:, ::step].float().var(dim=0, correction=0)
    whole = float(variances.sum())
    if not whole:
        return math.nan
    low, high = torch.aminmax(given, dim=0)
    return float(variances[low == high].sum()) / whole


def in_columns(prediction: Tensor, target: Tensor) -> bool:
    """Return whether targets are a few columns of numbers, and the predictions have not exploded.

    Of a loss that is written by hand, the targets are known as predictions minus difference; of
    predictions `EXPLODED` times the targets' size, that leaves three digits.

    Args:
        prediction: Shape (batch, outputs).
        target: The same shape.
    """
    few = target.ndim == 2 and target.shape == prediction.shape and target.is_floating_point()
    if not few or not 2 <= target.shape[1] <= Moments.COLUMNS:
        return False
    return bool(prediction.abs().amax() < EXPLODED * rms(target.float()))


def value_range(values: Tensor) -> list[float]:
    """Return the smallest and largest of some values."""
    if not values.numel():
        return [math.nan, math.nan]
    low, high = torch.aminmax(values)
    return [float(low), float(high)]


def right(name: str, prediction: Tensor, target: Tensor) -> tuple[int, int]:
    """Return how many predictions are right and how many were judged; (0, 0) if none can be."""
    if name in ("cross_entropy", "nll_loss") and prediction.ndim >= 2:
        if target.is_floating_point():
            if target.shape != prediction.shape:
                return 0, 0
            target = target.argmax(1)
        if prediction.shape[:1] + prediction.shape[2:] != target.shape:
            return 0, 0
        guess = prediction.argmax(1)
        return int((guess == target).sum()), target.numel()
    if name.startswith("binary_cross_entropy") and prediction.shape == target.shape:
        border = 0.0 if name.endswith("logits") else 0.5
        return int(((prediction > border) == (target > 0.5)).sum()), target.numel()
    return 0, 0


def probabilities(name: str, prediction: Tensor) -> float:
    """Return 1.0 if the predictions are probabilities over the classes, else 0.0."""
    if name not in ("cross_entropy", "nll_loss") or prediction.ndim < 2:
        return 0.0
    if prediction.shape[1] < 2:
        return 0.0
    rows = prediction.float()
    sums = rows.sum(dim=1)
    return float(bool((rows >= 0).all()) and bool(((sums - 1).abs() < 1e-3).all()))


class Moments:
    """Running mean and standard deviation of data, per column where there are few."""

    COLUMNS = 64

    def __init__(self, values: Tensor) -> None:
        self.per_column = values.ndim == 2 and values.shape[1] <= self.COLUMNS
        self.batches = 0
        self.count = 0
        self.mean: Any = 0.0
        self.square: Any = 0.0

    def add(self, values: Tensor) -> None:
        """Add a batch, shape (rows, columns) or anything."""
        rows = values.detach().double().cpu()
        if self.per_column:
            if rows.ndim != 2 or (self.count and rows.shape[1] != self.mean.shape[0]):
                return
        else:
            rows = thin(rows).reshape(-1, 1)
        count, total = rows.shape[0], self.count + rows.shape[0]
        if not count:
            return
        delta = rows.mean(0) - self.mean
        within = rows.var(0, correction=0) * count
        self.square = self.square + within + delta**2 * self.count * count / total
        self.mean = self.mean + delta * count / total
        self.count = total
        self.batches += 1

    def facts(self, name: str) -> dict[str, Any]:
        """Return the facts `name`_mean and `name`_std, lists over columns (of length 1 for all)."""
        if not self.count:
            return {}
        deviation = (self.square / self.count) ** 0.5
        return {f"{name}_mean": self.mean.tolist(), f"{name}_std": deviation.tolist()}
