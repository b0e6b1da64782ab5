"""Where a NaN or an infinity came from, read from what a measured step of Keras saw.

Layers, activations and the loss come in the order in which they ran: the first that put out what is
not finite, and was given nothing of that kind, made it. What a script computes between two layers,
or in a loss of its own, is no event; its source tells the operation where only one can have made
it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from unstuck.findings import Location
from unstuck.frameworks.array_measure import Array
from unstuck.frameworks.keras_births import Births
from unstuck.frameworks.keras_losses import function_of
from unstuck.frameworks.keras_steps import Seen
from unstuck.frameworks.keras_taps import Event
from unstuck.frameworks.limits import LIMITS, STEEP
from unstuck.sources.numbers import value
from unstuck.sources.operations import Computation, computations
from unstuck.sources.script import Script

__all__ = ["origin"]


def origin(
    seen: Seen,
    inputs: Sequence[Array],
    destroyed: Sequence[str],
    births: Births,
    compiled: Location | None,
) -> dict[str, Any] | None:
    """Return what made a step's loss or gradients non-finite, None if they are finite.

    The keys are those of `unstuck.frameworks.torch_nonfinite.origin`, and ``location``.

    Args:
        seen: What was seen of the step.
        inputs: What the model was given.
        destroyed: Layers whose weights were not finite before the step.
        births: Where layers were constructed.
        compiled: The call of `compile`, or what else tells the script.
    """
    ends = [e for e in seen.events if e.what in ("loss", "mean")]
    gradients = [e for e in seen.events if e.what == "gradients"]
    if _finite(seen, [e.slots[-1] for e in ends]):
        if _finite(seen, [slot for e in gradients for slot in e.slots]):
            return None
        return _in_gradient(compiled, destroyed)
    if destroyed:
        return _in_gradient(compiled, destroyed)
    bad = next((array for array in inputs if not _all(array)), None)
    if bad is not None:
        what = "the data that the model was given is not finite"
        return {"what": what, "layer": None, "cause": "input", **_rows(bad)}
    return _forward(seen, births, compiled)


def _forward(seen: Seen, births: Births, compiled: Location | None) -> dict[str, Any]:
    """Return which layer, activation or loss was the first to put out what is not finite."""
    for event in seen.events:
        if event.what not in ("layer", "activation", "loss"):
            continue
        arrays = [seen.numbers[slot] for slot in event.slots if slot in seen.numbers]
        given, put = arrays[:-1], arrays[-1:]
        if event.what == "loss" and given and not _all(given[0]):
            what = "the targets that the loss was given are not finite"
            return {"what": what, "layer": None, "cause": "input", **_rows(given[0])}
        before = next((array for array in given if not _all(array)), None)
        if before is not None:
            return _between(event, before, births, compiled)
        if put and not _all(put[0]):
            return _made(event, put[0], births, compiled)
    return {"what": "the loss function itself put it out", "cause": "loss", **_only(compiled)}


def _made(event: Event, put: Array, births: Births, compiled: Location | None) -> dict[str, Any]:
    if event.what == "loss":
        own = _only(compiled) if function_of(event.source) is None else {}
        what = f"the loss `{event.name}` put it out"
        return {"what": what, "cause": "loss", **own, **_rows(put)}
    place = event.facts.get("location") or births.location(event.source)
    own = {} if _of_keras(event.source) else _only(place)
    if getattr(getattr(event.source, "activation", None), "__name__", "") == "exponential":
        own = {"what": f"{LIMITS['exp']}, in `{event.name}`", "operation": "exp"}
    return {
        "what": f"the {event.what} `{event.name}` put it out",
        "layer": event.name,
        "operation": None,
        "cause": "operation",
        "location": place.to_json() if place is not None else None,
        **own,
        **_rows(put),
    }


def _between(
    event: Event, given: Array, births: Births, compiled: Location | None
) -> dict[str, Any]:
    """Return what is known of an operation between two layers, or before the loss."""
    place = compiled if event.what == "loss" else births.location(event.source)
    return {
        "what": f"an operation of the script before `{event.name}` put it out",
        "layer": event.name if event.what == "layer" else None,
        "operation": None,
        "cause": "operation",
        "location": place.to_json() if place is not None else None,
        **_only(place),
        **_rows(given),
    }


def _in_gradient(compiled: Location | None, destroyed: Sequence[str]) -> dict[str, Any]:
    steep = [name for name, _ in _operations(compiled, STEEP)]
    what = "the gradient is not finite, though the loss is"
    if destroyed:
        what = f"the step before destroyed the weights of `{destroyed[0]}`"
        if len(destroyed) > 1:
            what += f" and {len(destroyed) - 1} more layers"
    if steep:
        what += f"; the script computes {STEEP[steep[0]]}"
    return {
        "what": what,
        "layer": destroyed[0] if destroyed else None,
        "cause": "step",
        "steep": list(dict.fromkeys(steep)),
    }


def _only(place: Location | None) -> dict[str, Any]:
    """Return the one operation of the script that can have no finite result, its line if one does.

    Where several kinds can, they are ``steep``: any of them may have made it.
    """
    found = list(_operations(place, LIMITS))
    names = list(dict.fromkeys(name for name, _ in found))
    script = Script.read(place)
    if script is None or len(names) != 1:
        return {"steep": names} if names else {}
    made: dict[str, Any] = {"what": LIMITS[names[0]], "operation": names[0], "cause": "operation"}
    if len(found) == 1:
        made["location"] = script.location(found[0][1].node).to_json()
    return made


def _operations(place: Location | None, names: Iterable[str]) -> list[tuple[str, Computation]]:
    """Return the operations of a training step in a script that are among `names`."""
    script = Script.read(place)
    if script is None:
        return []
    return [
        (name, computed)
        for name in names
        if name != "reciprocal"  # a division, in a source
        for computed in computations(script, name, place)
        if not (name == "pow" and _whole(script, computed))
    ]


def _whole(script: Script, computed: Computation) -> bool:
    """Return whether a power is to a known exponent of at least 1, finite wherever its base is."""
    exponent = value(script, computed.second) if computed.second is not None else None
    return exponent is not None and exponent >= 1


def _finite(seen: Seen, slots: Iterable[int]) -> bool:
    return all(_all(seen.numbers[slot]) for slot in slots if slot in seen.numbers)


def _all(array: Array) -> bool:
    return not np.issubdtype(array.dtype, np.inexact) or bool(np.isfinite(array).all())


def _rows(array: Array) -> dict[str, Any]:
    """Return which rows of the batch hold a value that is not finite."""
    if array.ndim == 0 or array.shape[0] < 2:
        return {}
    rows = np.flatnonzero(~np.isfinite(array).reshape(array.shape[0], -1).all(axis=1)).tolist()
    return {"rows": rows[:8], "bad_rows": len(rows), "batch": array.shape[0]}


def _of_keras(source: Any) -> bool:
    return type(source).__module__.startswith("keras.")
