"""Notes the learning-rate schedulers of a script: what they are, where, how often they step."""

from __future__ import annotations

import math
import weakref
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch.optim import lr_scheduler

from unstuck.frameworks.frames import called_directly, calling_frame, locate

if TYPE_CHECKING:
    from unstuck.frameworks.torch import TorchWatcher

__all__ = ["Schedules"]

MOST = 16
"""Schedulers of one training that are noted; a script may construct one an epoch."""
ARGUMENTS = (
    *("step_size", "gamma", "T_max", "T_0", "T_mult", "eta_min", "total_iters", "total_steps"),
    *("start_factor", "end_factor", "power", "factor", "mode", "patience", "milestones"),
    "_milestones",
)
"""Attributes of torch's schedulers that are noted as their arguments."""


class Schedules:
    """Writes the fact ``schedulers`` of every training that has any.

    It is a list, in order of construction, of mappings with the keys ``name`` (the class),
    ``own`` (whether the class is the script's), ``location`` (None if a library constructs it),
    ``step_location``, ``calls`` (of ``step``, by the script), ``arguments``, ``parts`` (places in
    the list of the schedulers that it drives) and ``metric`` (first, lowest, highest and last value
    that ``ReduceLROnPlateau`` was given).
    """

    def __init__(self, watcher: TorchWatcher) -> None:
        self.watcher = watcher
        self._known: weakref.WeakKeyDictionary[Any, dict[str, Any]] = weakref.WeakKeyDictionary()
        self._lists: dict[int, list[dict[str, Any]]] = {}
        self._constructing: set[int] = set()
        self._stepping = False

    def install(self) -> None:
        """Wrap the constructors and the method `step` of torch's schedulers."""
        for kind in list(vars(lr_scheduler).values()):
            if not isinstance(kind, type) or not issubclass(kind, lr_scheduler.LRScheduler):
                continue
            if kind.__module__ != lr_scheduler.__name__:
                continue
            if "__init__" in vars(kind):
                self.watcher._wrap(kind, "__init__", self._around_constructor)
            if "step" in vars(kind):
                self.watcher._wrap(kind, "step", self._around_step)

    def write(self) -> None:
        """Write what is known of all schedulers."""
        for run, entries in self._lists.items():
            self.watcher.recorder.fact("schedulers", entries, run)

    def _around_constructor(self, original: Callable[..., Any]) -> Callable[..., Any]:
        constructing = self._constructing

        def __init__(scheduler: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
            if id(scheduler) in constructing:
                original(scheduler, *args, **kwargs)
                return
            constructing.add(id(scheduler))
            try:
                original(scheduler, *args, **kwargs)
            finally:
                constructing.discard(id(scheduler))
            self.watcher._guard(self._made, scheduler)

        return __init__

    def _around_step(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def step(scheduler: Any, *args: Any, **kwargs: Any) -> Any:
            if self._stepping or self._constructing:
                return original(scheduler, *args, **kwargs)
            self._stepping = True
            try:
                result = original(scheduler, *args, **kwargs)
            finally:
                self._stepping = False
            self.watcher._guard(self._stepped, scheduler, args, kwargs)
            return result

        return step

    def _made(self, scheduler: Any) -> None:
        optimizer = getattr(scheduler, "optimizer", None)
        if not isinstance(optimizer, torch.optim.Optimizer):
            return
        run = self.watcher._training(optimizer).index
        entries = self._lists.setdefault(run, [])
        if len(entries) >= MOST:
            return
        place = locate(calling_frame(scheduler)) if called_directly(scheduler) else None
        kind = type(scheduler)
        driven = [self._known.get(part) for part in getattr(scheduler, "_schedulers", ())]
        entry: dict[str, Any] = {
            "name": kind.__name__,
            "own": kind.__module__ != lr_scheduler.__name__,
            "location": place.to_json() if place else None,
            "step_location": None,
            "calls": 0,
            "arguments": _arguments(scheduler),
            "parts": [i for i, known in enumerate(entries) if any(known is d for d in driven)],
        }
        entries.append(entry)
        self._known[scheduler] = entry
        self.write()

    def _stepped(self, scheduler: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        entry = self._known.get(scheduler)
        if entry is None:
            return
        entry["calls"] += 1
        if entry["step_location"] is None:
            place = locate(calling_frame())
            entry["step_location"] = place.to_json() if place else None
        if isinstance(scheduler, lr_scheduler.ReduceLROnPlateau):
            given = args[0] if args else kwargs.get("metrics", math.nan)
            _note_metric(entry, float(given.detach() if isinstance(given, torch.Tensor) else given))
        if entry["calls"] & (entry["calls"] - 1) == 0:
            self.write()


def _note_metric(entry: dict[str, Any], value: float) -> None:
    if not math.isfinite(value):
        return
    first, lowest, highest, _ = entry.get("metric") or (value, value, value, value)
    entry["metric"] = [first, min(lowest, value), max(highest, value), value]


def _arguments(scheduler: Any) -> dict[str, Any]:
    """Return the arguments of a scheduler that can be written down."""
    arguments: dict[str, Any] = {}
    for name in ARGUMENTS:
        value = vars(scheduler).get(name)
        if isinstance(value, Counter):
            value = sorted(value.elements())
        if isinstance(value, (list, tuple)):
            if len(value) <= 64 and all(isinstance(item, (int, float)) for item in value):
                arguments[name.lstrip("_")] = list(value)
        elif isinstance(value, (int, float, str)):
            arguments[name.lstrip("_")] = value
    return arguments
