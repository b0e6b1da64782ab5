"""The remedy fix-shapes."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from unstuck.findings import Location
from unstuck.remedies import Change, Remedy, Settings
from unstuck.signals import Run
from unstuck.sources.keras_subject import KerasSubject
from unstuck.sources.script import Script, dotted

__all__ = ["FixShapes"]

Shape = tuple[int, ...]
_NAMES = (("input", "prediction"), ("target", "other"))
"""Names by which torch's functions and losses take their first two arguments."""


class FixShapes(Remedy):
    """Give the targets the shape of the predictions where the loss compares them.

    What it does:
        Where predictions (n, 1) meet targets (n,), the targets get the missing dimension:
        ``y.view_as(prediction)``, or ``y.unsqueeze(-1)`` where the predictions have no name.
        Where it is the other way round they lose it. Losses and comparisons of the validation are
        treated as well. In Keras, a loss class of the script's own does it first of all; a loss
        inside a ``train_step`` gets targets in that shape from ``fit``.

    When it helps:
        (n, 1) minus (n,) is an n by n table: every prediction is compared with every target, and
        the model learns the mean.

    Settings:
        None.

    Limits:
        Only places that the run has seen, in the script's own code: not what NumPy computes, not
        a loss inside the model's forward, not a table that is made on purpose (``y[:, None]``).

    References:
        PyTorch pull request 18565.
    """

    stage = "source"

    def rewrite(self, run: Run, settings: Settings) -> Sequence[Change]:
        """Rewrite the places at which shapes differ; see `Remedy.rewrite`."""
        places = [_Place.read(data) for data in run.facts.get("stretched") or []]
        wanted = {place.roles() for place in places} - {None}
        if len(wanted) != 1:
            return []
        predictions, targets = wanted.pop() or ((), ())
        changes: list[Change] = []
        for place in places:
            index = place.target(len(predictions), len(targets))
            script = Script.read(place.location) if index is not None else None
            if script is not None and index is not None:
                changes += _equalized(script, place, index)
        return changes

    def apply_keras(self, subject: KerasSubject, settings: Settings) -> list[Change]:
        """Shape the targets in the loss, else those that ``fit`` is given."""
        if not subject.run.facts.get("broadcast"):
            return []
        return _in_loss(subject.run) or _in_fit(subject)


class _Place:
    """A place at which two shapes meet, as the run has seen it."""

    def __init__(self, location: Location, shapes: Sequence[Shape], graded: Sequence[bool]) -> None:
        self.location = location
        self.shapes = shapes
        self.graded = graded

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> _Place:
        location = Location.from_json(data["location"])
        assert location is not None
        return cls(location, [tuple(shape) for shape in data["shapes"]], data["graded"])

    def roles(self) -> tuple[Shape, Shape] | None:
        """Return how predictions and targets are shaped, entries of more than 1 as -1."""
        if sum(self.graded) != 1 or _entries(self.shapes[0]) != _entries(self.shapes[1]):
            return None
        first = self.graded.index(True)
        return _pattern(self.shapes[first]), _pattern(self.shapes[1 - first])

    def target(self, predictions: int, targets: int) -> int | None:
        """Return which operand is the target, None if the place is to stay.

        Args:
            predictions: Dimensions of the predictions that the loss is given.
            targets: Dimensions of the targets.
        """
        if all(self.graded):
            return None
        if any(self.graded):
            index = self.graded.index(False)
            rows = self.shapes[1 - index]
            table = len(rows) == 2 and rows[0] == rows[1]  # what a stretched difference became
            fits = len(self.shapes[index]) == targets and rows[:1] == self.shapes[index][:1]
            return index if fits and (table or len(rows) == predictions) else None
        dimensions = [len(shape) for shape in self.shapes]
        if dimensions[0] == dimensions[1] or sorted(dimensions) != sorted((predictions, targets)):
            return None
        return dimensions.index(targets) if _same_entries(self.shapes) else None

    def others(self, index: int) -> tuple[Shape, Shape]:
        """Return the target's shape, and the one that it is to have."""
        mine, other = self.shapes[index], self.shapes[1 - index]
        if _entries(mine) != _entries(other):
            other = (*mine, 1) if len(mine) == 1 else mine[:1]
        return mine, other


def _entries(shape: Shape) -> int:
    product = 1
    for size in shape:
        product *= size
    return product


def _same_entries(shapes: Sequence[Shape]) -> bool:
    return _entries(shapes[0]) == _entries(shapes[1])


def _pattern(shape: Shape) -> Shape:
    return tuple(1 if size == 1 else -1 for size in shape)


def _missing(run: Run) -> str:
    """Return the index that gives targets of a Keras loss the dimension that they lack.

    It takes theirs away where the script has squeezed the predictions.
    """
    return "[:, None]" if len(run.loss_function.target_shape) == 1 else "[:, 0]"


def _in_loss(run: Run) -> list[Change]:
    """Return the change of a Keras loss of the script's own: its targets get their shape first."""
    known = run.facts.get("crossing") or {}
    script = Script.read(Location.from_json(known.get("location")))
    for function in script.functions("call") if script is not None else ():
        first = min(node.lineno for node in (function, *function.decorator_list))
        body = function.body[ast.get_docstring(function) is not None :]
        if script is None or first != known["location"]["line"] or not body:
            continue
        line = f"{known['target']} = {known['target']}{_missing(run)}"
        what = f"{os.path.basename(script.file)}:{body[0].lineno}: `{line}`"
        if script.whole_lines(body[0]):
            return [Change(what, script.before(body[0], [line]))]
    return []


def _in_fit(subject: KerasSubject) -> list[Change]:
    """Return the change of what `fit` is given: targets shaped like the predictions."""
    fit, index = subject.fit, _missing(subject.run)
    targets = fit.given.get("y") if fit is not None else None
    if fit is None or targets is None or (subject.run.facts.get("fit") or {})["data"] != "arrays":
        return []
    script = fit.script
    values = {"y": f"{script.grouped(targets)}{index}"}
    held = fit.given.get("validation_data")
    if isinstance(held, ast.Tuple) and len(held.elts) >= 2:
        texts = [script.text(each) for each in held.elts]
        texts[1] = f"{script.grouped(held.elts[1])}{index}"
        values["validation_data"] = f"({', '.join(texts)})"
    elif held is not None:
        return []
    return subject.set_fit(f"targets of fit: `{values['y']}`", **values)


def _equalized(script: Script, place: _Place, index: int) -> Iterator[Change]:
    """Yield the changes that reshape the target at one place."""
    operands = _operands(script, place.location)
    if operands is None:
        return
    target, prediction = operands[index], operands[1 - index]
    if any(_is_table(operand) for operand in operands):
        return
    mine, other = place.others(index)
    name = dotted(prediction)
    suffix = f".view_as({name})" if name else reshaping(mine, other)
    if not suffix:
        return
    where = f"{os.path.basename(script.file)}:{target.lineno}"
    what = f"{where}: `{script.text(target)}` shaped like `{script.text(prediction)}`"
    for edit in script.behind(target, suffix):
        yield Change(what, edit)


def _operands(script: Script, location: Location) -> tuple[ast.expr, ast.expr] | None:
    """Return both operands of a comparison: ``a - b``, ``a == b``, ``loss(a, b)``, ``a.sub(b)``."""
    binary = script.at(location, ast.BinOp)
    if binary is not None:
        return binary.left, binary.right
    compared = script.at(location, ast.Compare)
    if compared is not None:
        return (compared.left, compared.comparators[0]) if len(compared.ops) == 1 else None
    call = script.at(location, ast.Call)
    if call is None:
        return None
    words = {word.arg: word.value for word in call.keywords}
    given: list[ast.expr | None] = [*call.args[:2], None, None][:2]
    if len(call.args) < 2:
        given[1] = next((words[name] for name in _NAMES[1] if name in words), None)
    if not call.args:
        given[0] = next((words[name] for name in _NAMES[0] if name in words), None)
    first, second = given
    if len(call.args) == 1 and second is None and isinstance(call.func, ast.Attribute):
        first, second = call.func.value, call.args[0]
    if first is None or second is None or isinstance(first, ast.Starred):
        return None
    return None if isinstance(second, ast.Starred) else (first, second)


def _is_table(node: ast.expr) -> bool:
    """Return whether an operand gets a dimension on the spot: the table is on purpose."""
    if isinstance(node, ast.Subscript):
        index = node.slice
        parts = index.elts if isinstance(index, ast.Tuple) else [index]
        return any(isinstance(part, ast.Constant) and part.value is None for part in parts)
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "unsqueeze"
    )


def reshaping(mine: Shape, other: Shape) -> str:
    """Return the method calls that make a tensor of shape `mine` one of shape `other`.

    Only dimensions of size 1 are taken away and added; "" if that does not do.
    """
    if [size for size in mine if size != 1] != [size for size in other if size != 1]:
        return ""
    calls, left = "", list(mine)
    for index in reversed(range(len(mine))):
        if mine[index] == 1 and len(left) > _long(other):
            calls += f".squeeze({-1 if index == len(left) - 1 else index})"
            del left[index]
    for index, size in enumerate(other):
        if size == 1 and (index >= len(left) or left[index] != 1):
            calls += f".unsqueeze({-1 if index == len(left) else index})"
            left.insert(index, 1)
    return calls if left == list(other) else ""


def _long(shape: Shape) -> int:
    return sum(size != 1 for size in shape)
