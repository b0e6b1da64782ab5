"""The remedy guard-operations."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from unstuck.findings import Finding, Location
from unstuck.remedies import Change, Remedy, Settings
from unstuck.signals import Run
from unstuck.sources.bounds import EXPONENT, boundable, bounded
from unstuck.sources.gaps import filled
from unstuck.sources.masks import unemptied
from unstuck.sources.operations import computations
from unstuck.sources.precision import widened
from unstuck.sources.script import Script

__all__ = ["GuardOperations"]

_MASKED = ("softmax", "log_softmax", "masked_fill", "max", "amax")


class GuardOperations(Remedy):
    """Give operations only what they have a finite result and a finite slope for.

    What it does:
        Where the script computes the operation that put out a NaN or an infinity, its argument is
        bounded: ``torch.log(p)`` becomes ``torch.log(p.clamp_min(1e-7))``, ``torch.sqrt(z)``
        becomes ``torch.sqrt(z.clamp_min(1e-12))``, ``a / b.norm()`` becomes
        ``a / b.norm().clamp_min(1e-6)``; exponents, arc cosines and powers alike. Half precision
        that the script asks for becomes single precision. Minus infinity in a mask becomes -1e9, so
        that a row of which nothing is left has equal weights; the mean of a selection of nothing
        becomes 0. Gaps in the data that the model is given become the mean of their column over the
        training data.

    When it helps:
        A logarithm of zero, a root whose slope at zero is infinite, a division by zero, an
        exponential of something large; Adam in half precision, whose epsilon is zero there; NaN in
        a table.

    Settings:
        ``exponent``: the largest argument of an exponential: 40 over the number of exponentials
        that follow upon each other, then a quarter of it. Where three or more follow as activations
        of layers, first 0.69, so that none has a slope of more than 2. Only where there are
        exponentials.

    Limits:
        Only what a training step computes in the script's own code, and every place of it that
        computes the operation. Beyond its bound an argument has no gradient. Divisors whose sign is
        not certain are only kept from being exactly 0. Data is only filled where a tensor of the
        script holds it and its column means are known; rows are never dropped, targets never
        filled.

    References:
        Goodfellow, Bengio, Courville: Deep Learning, 2016, section 4.1; Micikevicius et al.: Mixed
        Precision Training, ICLR 2018.
    """

    stage = "source"

    def settings(self, run: Run, finding: Finding) -> Sequence[Settings]:
        """Return the largest exponents to try, or the empty setting if something can be guarded."""
        ranked: Sequence[Settings] = ({},)
        if "exp" in _operations(run):
            ranked = [{"exponent": float(f"{limit:.2g}")} for limit in _exponents(run)]
        return tuple(each for each in ranked if self.rewrite(run, each))

    def rewrite(self, run: Run, settings: Settings) -> Sequence[Change]:
        """Bound the arguments, widen the numbers or fill the data; see `Remedy.rewrite`."""
        if _origin(run).get("cause") == "input":
            return filled(run)
        limit = settings.get("exponent", EXPONENT)
        found = list(_guarded(run, limit)) or list(_unemptied(run))
        if _is_half(run):
            found += [change for script in _scripts(run) for change in widened(script)]
        return found

    def place(self, run: Run) -> Location | None:
        """Return the line that computes the operation, if it is one."""
        return Location.from_json(_origin(run).get("location"))

    def display(self, run: Run, settings: Settings) -> str:
        """Say what to bound."""
        cause, names = _origin(run).get("cause"), _operations(run)
        if cause == "input":
            return (
                "fill the gaps in the data with the column means of the training rows, or drop them"
            )
        if cause == "operation" and _origin(run).get("operation") in _MASKED:
            return (
                "if a mask leaves nothing of some rows: -1e9 in place of minus infinity before a "
                "softmax; behind a maximum `torch.where(mask.any(1, keepdim=True), h, 0.0)`"
            )
        if cause in ("operation", "step") and names:
            return f"keep what `{names[0]}` is given where its result and its slope are finite"
        return super().display(run, settings)


def _origin(run: Run) -> Mapping[str, Any]:
    return run.facts.get("nonfinite") or {}


def _exponents(run: Run) -> list[float]:
    row = max(_origin(run).get("in_a_row") or 1, 1)
    activates = any(layer.activation == "exponential" for layer in run.layers)
    deep = [math.log(2)] if activates and row >= 3 else []
    return [*deep, EXPONENT / row, EXPONENT / row / 4][:2]


def _is_half(run: Run) -> bool:
    return run.facts.get("input_dtype") == "float16"


def _operations(run: Run) -> list[str]:
    """Return the operations to guard: the one that failed, or else those with infinite slopes."""
    origin = _origin(run)
    made = origin.get("operation")
    if origin.get("cause") == "operation" and isinstance(made, str) and boundable(made):
        return [made]
    if _is_half(run) or origin.get("cause") == "input":
        return []
    if made in ("softmax", "log_softmax"):
        return ["log"]  # of a mask, added to what the softmax is of
    return [name for name in origin.get("steep") or () if boundable(name)]


def _scripts(run: Run) -> list[Script]:
    """Return the files of the script that take part in a training step."""
    places = [run.loss_function.location, *(layer.location for layer in run.layers)]
    first = {place.file: place for place in places if place is not None}
    return [script for place in first.values() if (script := Script.read(place)) is not None]


def _unemptied(run: Run) -> Iterator[Change]:
    """Give rows that are masked entirely finite values."""
    made, place = _origin(run).get("operation"), run.loss_function.location
    if _origin(run).get("cause") == "operation" and isinstance(made, str):
        for script in _scripts(run):
            yield from unemptied(script, made, place, half=_is_half(run))


def _guarded(run: Run, limit: float) -> Iterator[Change]:
    for name in _operations(run):
        found = [
            (script, computed)
            for script in _scripts(run)
            for computed in computations(script, name, run.loss_function.location)
        ]
        for script, computed in found:
            made = bounded(
                script,
                computed,
                name,
                limit,
                only=len(found) == 1,
                divisor=_origin(run).get("divisor"),
                keras=run.framework == "keras",
            )
            if made is not None:
                line = f"{os.path.basename(script.file)}:{computed.node.lineno}"
                for edit in made[1]:
                    yield Change(f"{line}: {name} of {made[0]}", edit)
