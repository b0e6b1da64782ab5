"""Where a training's rows come from: the loader it iterates, the tensors that hold all rows.

Only names, shapes and places are looked at; no value is read and no random number drawn.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping
from types import FrameType, ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from unstuck.frameworks.frames import calling_frame, locate

__all__ = ["Loaders", "row_data"]

KEPT = 32
"""So many loaders are written down."""
ITEMS = 32
"""Containers with more items are not looked into."""


class Loaders:
    """Remembers the loaders of a script, and which one was iterated when an optimizer stepped.

    Attributes:
        made: What is known of each loader, in order of construction.
    """

    def __init__(self) -> None:
        self.made: list[dict[str, Any]] = []
        self._passes: list[int] = []
        self._steps: list[dict[int, int]] = []
        self._numbers: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()
        self.latest: int | None = None

    def add(self, loader: Any) -> None:
        """Remember a loader that has just been constructed."""
        location = locate(calling_frame(loader))
        try:
            rows = len(loader.dataset)
        except TypeError:
            rows = 0
        self._numbers[loader] = len(self.made)
        self._passes.append(0)
        self._steps.append({})
        self.made.append(
            {
                "rows": rows,
                "batch_size": loader.batch_size or 0,
                "sampler": type(loader.sampler).__name__,
                "drop_last": bool(loader.drop_last),
                "location": location.to_json() if location else None,
            }
        )

    def entered(self, loader: Any) -> None:
        """Note that a pass over a loader begins."""
        self.latest = self._numbers.get(loader)
        if self.latest is not None:
            self._passes[self.latest] += 1

    def stepped(self, run: int, steps: int) -> None:
        """Note how many steps a run's optimizer took since this was noted last."""
        if self.latest is not None and steps:
            held = self._steps[self.latest]
            held[run] = held.get(run, 0) + steps

    def of(self, run: int) -> dict[str, Any] | None:
        """Return the loader under which a run made most of its steps.

        ``feeds`` says whether its passes are enough for these steps, ``shared`` whether the same
        call constructed loaders that nothing was trained on.
        """
        counts = {i: held[run] for i, held in enumerate(self._steps) if run in held}
        if not counts:
            return None
        number = max(counts, key=lambda i: counts[i])
        loader = self.made[number]
        batches = -(-loader["rows"] // loader["batch_size"]) if loader["batch_size"] else 0
        steps = sum(self._steps[number].values())
        shared = any(
            other["location"] == loader["location"] and self._passes[i] and not self._steps[i]
            for i, other in enumerate(self.made)
        )
        enough = not batches or steps <= self._passes[number] * batches
        return {**loader, "feeds": enough, "shared": shared, "passes": self._passes[number]}


def row_data(frame: FrameType | None, rows: int) -> dict[str, Any] | None:
    """Return the expressions of a frame that hold as many rows as the batch has.

    Returns:
        ``tensors`` and ``arrays`` that hold data, ``derived`` tensors that have a gradient,
        ``blocked`` values that cannot be indexed by rows, ``holders`` that contain any of these,
        ``counts``: numbers equal to `rows`.
    """
    if frame is None or rows < 2:
        return None
    found: dict[str, Any] = {"rows": rows}
    for kind in ("tensors", "arrays", "derived", "blocked", "holders", "counts"):
        found[kind] = []
    code = frame.f_code
    names = {*code.co_names, *code.co_varnames, *code.co_freevars, *code.co_cellvars}
    own, others = frame.f_locals, frame.f_globals
    for name in sorted(names):
        if name in own or name in others:
            value = own[name] if name in own else others[name]
            _look(name, value, rows, names, found, 2)
    return found


def _look(
    text: str, value: Any, rows: int, names: set[str], found: dict[str, Any], depth: int
) -> bool:
    """Note what a value is; return whether it is or holds rows."""
    kind = _kind(value, rows)
    if kind:
        found[kind].append(text)
        return kind != "counts"
    held = [
        _look(text + path, item, rows, names, found, depth - 1)
        for path, item in (_items(value, names) if depth else ())
    ]
    if any(held):
        found["holders"].append(text)
    return any(held)


def _kind(value: Any, rows: int) -> str:
    if isinstance(value, Tensor):
        if isinstance(value, nn.Parameter) or not value.ndim or value.shape[0] != rows:
            return ""
        return "derived" if value.requires_grad else "tensors"
    if type(value) is int:
        return "counts" if value == rows else ""
    if type(value) in (list, tuple):
        return "blocked" if len(value) == rows else ""
    owner = type(value).__module__.partition(".")[0]
    shape = getattr(value, "shape", None) if owner in ("numpy", "pandas", "scipy") else None
    if isinstance(shape, tuple) and shape and shape[0] == rows:
        return "arrays" if type(value).__name__ == "ndarray" else "blocked"
    return ""


def _items(value: Any, names: set[str]) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and type(value).__module__ in ("builtins", "collections"):
        if len(value) <= ITEMS:
            yield from ((f"[{k!r}]", v) for k, v in value.items() if isinstance(k, (str, int)))
    elif isinstance(value, (list, tuple)):
        if len(value) <= ITEMS:
            yield from ((f"[{i}]", item) for i, item in enumerate(value))
            fields = getattr(value, "_fields", ())
            yield from ((f".{name}", getattr(value, name)) for name in fields if name in names)
    elif not isinstance(value, (type, ModuleType, nn.Module, torch.optim.Optimizer)):
        own = getattr(value, "__dict__", None)
        if type(own) is dict:
            yield from ((f".{name}", own[name]) for name in sorted(names & own.keys()))
