"""What Keras' logs say: which entry is the loss, and the loss of one step out of a running mean."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

__all__ = ["RunningMean", "accuracy_name", "loss_name"]

PRECISION = 0.02
"""A loss is taken from Keras' running mean where rounding leaves it at least so exact."""


class RunningMean:
    """Takes single losses out of the running mean that Keras reports.

    Attributes:
        by_rows: Whether each batch counts by its rows.
        raw: Whether what is reported is no running mean.
    """

    def __init__(self, by_rows: bool = True, raw: bool = False) -> None:
        self.by_rows = by_rows
        self.raw = raw
        self._total = 0.0
        self._weight = 0.0

    def anew(self) -> RunningMean:
        """Return one of the same kind that has seen nothing."""
        return RunningMean(self.by_rows, self.raw)

    def add(self, mean: float, rows: float) -> float | None:
        """Return the loss of a step after which the mean is that; None if rounding hides it."""
        if self.raw or not math.isfinite(mean):
            return mean
        weight = rows if self.by_rows and rows > 0 else 1.0
        total = mean * (self._weight + weight)
        loss = (total - self._total) / weight
        error = 2.0**-23 * max(abs(total), abs(self._total)) / weight
        self._total, self._weight = total, self._weight + weight
        if self._weight > weight and error > PRECISION * abs(loss):
            return None
        return loss


def loss_name(logs: Mapping[str, Any]) -> str | None:
    """Return the key of the loss in some logs, None without any."""
    return "loss" if "loss" in logs else next((k for k in logs if k.endswith("loss")), None)


def accuracy_name(logs: Mapping[str, Any]) -> str | None:
    """Return the key of an accuracy in some logs, None without any."""
    return next((k for k in logs if k.rpartition("_")[2] in ("acc", "accuracy")), None)
