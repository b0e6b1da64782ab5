"""With what data `fit` was called: how many rows, in which order, and how they were split."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from unstuck.findings import Location
from unstuck.frameworks.array_measure import Array

__all__ = ["fit_facts"]

CLASSES = 64
"""Targets with more different values are not taken for classes."""


def fit_facts(given: Mapping[str, Any], location: Location | None) -> dict[str, Any]:
    """Return what the arguments of a call of `fit` say, as facts of a run.

    Args:
        given: The arguments by name.
        location: The call.

    Returns:
        ``fit``: rows, settings and place. ``loss_call``, where losses are weighted. ``held_unseen``
        where `validation_split` cuts rows off the end: the classes that occur there only, and which
        share of the validation rows they are.
    """
    x, y = given.get("x"), given.get("y")
    rows, split = _rows(x), float(given.get("validation_split") or 0.0)
    held = given.get("validation_data")
    cut = math.floor(rows * (1 - split)) if rows else 0
    held_rows = rows - cut if split and held is None else _rows(_first(held))
    facts: dict[str, Any] = {
        "fit": {
            "rows": rows,
            "batch_size": given.get("batch_size"),
            "epochs": given.get("epochs", 1),
            "shuffle": bool(given.get("shuffle", True)),
            "validation_split": split,
            "validation_rows": held_rows,
            "data": "arrays" if rows else type(x).__name__,
            "location": location.to_json() if location else None,
        }
    }
    if given.get("class_weight") is not None or given.get("sample_weight") is not None:
        facts["loss_call"] = {"weighted": True}
    if split and held is None:
        facts["held_unseen"] = _unseen(y, cut)
    return facts


def _first(data: Any) -> Any:
    return data[0] if isinstance(data, (list, tuple)) and data else data


def _rows(data: Any) -> int:
    """Return the rows of arrays, 0 of anything else."""
    while isinstance(data, (list, tuple, dict)) and data:
        data = next(iter(data.values())) if isinstance(data, dict) else data[0]
    shape: tuple[Any, ...] = tuple(getattr(data, "shape", ()))
    return int(shape[0]) if shape and shape[0] is not None else 0


def _unseen(y: Any, cut: int) -> dict[str, Any] | None:
    """Return which classes occur behind row `cut` only, None if the targets are no classes."""
    labels = _labels(y)
    if labels is None or not 0 < cut < len(labels):
        return None
    trained, held = np.unique(labels[:cut]), labels[cut:]
    alien = ~np.isin(held, trained)
    return {
        "classes": [float(value) for value in np.unique(held[alien])][:CLASSES],
        "of": int(np.unique(labels).size),
        "share": float(alien.mean()),
    }


def _labels(y: Any) -> Array | None:
    """Return class numbers, shape (rows,), of targets that are few whole numbers or one-hot."""
    if not isinstance(y, np.ndarray) or y.ndim not in (1, 2) or y.dtype == object:
        return None
    if y.ndim == 2 and y.shape[1] > 1:
        one_hot = np.isin(y, (0, 1)).all() and (y.sum(axis=1) == 1).all()
        return y.argmax(axis=1) if one_hot else None
    flat = y.reshape(-1)
    values = np.unique(flat)
    whole = values.size <= CLASSES and bool(np.all(values == np.round(values)))
    return flat if whole else None
