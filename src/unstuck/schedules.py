"""How a script lowers its learning rate: by a scheduler of torch's, or by lines of its own."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from unstuck.findings import Location
from unstuck.signals import Run
from unstuck.sources.script import Script

__all__ = [
    "Decay",
    "Scheduler",
    "active",
    "decays",
    "gone_at",
    "near_one",
    "reached_at",
    "rounded",
    "schedulers",
]


@dataclass(frozen=True)
class Scheduler:
    """A scheduler as the run saw it.

    Attributes:
        name: Class name, such as ``StepLR``.
        own: Whether the class is the script's, not torch's.
        location: The constructor call; None if a library makes it.
        step_location: Where the script calls ``step``.
        calls: How often it did.
        arguments: What is known of its arguments.
        parts: Places, among all schedulers of the run, of those that it drives.
        metric: First, lowest, highest and last value that ``ReduceLROnPlateau`` was given.
    """

    name: str
    own: bool
    location: Location | None
    step_location: Location | None
    calls: int
    arguments: Mapping[str, Any]
    parts: tuple[int, ...]
    metric: tuple[float, ...]

    def number(self, name: str) -> float:
        """Return a numeric argument, NaN if it is not known."""
        value = self.arguments.get(name)
        return float(value) if isinstance(value, (int, float)) else math.nan


def schedulers(run: Run) -> list[Scheduler]:
    """Return the schedulers of a run in the order of their construction."""
    return [
        Scheduler(
            name=str(entry.get("name", "")),
            own=bool(entry.get("own")),
            location=Location.from_json(entry.get("location")),
            step_location=Location.from_json(entry.get("step_location")),
            calls=int(entry.get("calls", 0)),
            arguments=entry.get("arguments") or {},
            parts=tuple(entry.get("parts") or ()),
            metric=tuple(entry.get("metric") or ()),
        )
        for entry in run.facts.get("schedulers") or []
    ]


def active(run: Run) -> list[Scheduler]:
    """Return the schedulers that the script steps, and those that these drive."""
    known = schedulers(run)
    chosen: set[int] = set()
    waiting = [index for index, scheduler in enumerate(known) if scheduler.calls]
    while waiting:
        index = waiting.pop()
        if index not in chosen and index < len(known):
            chosen.add(index)
            waiting += known[index].parts
    return [known[index] for index in sorted(chosen)]


def gone_at(run: Run, share: float) -> int | None:
    """Return the first step after the highest rate with less than a share of it, or None."""
    rates = run.of("learning_rate").finite()
    if not rates:
        return None
    peak = max(rates)
    top = rates.steps[rates.values.index(peak)]
    pairs = zip(rates.steps, rates.values, strict=True)
    return next((step for step, rate in pairs if step > top and rate < share * peak), None)


def reached_at(run: Run, share: float) -> float | None:
    """Return when the rate comes down to a share of the highest, or None.

    Where it jumps from more to less, that is between the two changes, as if it fell evenly.
    """
    gone = gone_at(run, share)
    if gone is None:
        return None
    rates = run.of("learning_rate").finite()
    index = rates.steps.index(gone)
    before, after = rates.steps[index - 1], rates.values[index]
    high, border = rates.values[index - 1], share * max(rates)
    if not (high > border * 1.001 and after > 0):
        return float(gone)
    return before + (gone - before) * math.log(high / border) / math.log(high / after)


def rounded(value: float) -> str:
    """Return a number with three significant digits, as source."""
    short = float(f"{value:.3g}")
    return str(int(short)) if short == int(short) else repr(short)


def near_one(factor: float) -> str:
    """Return a factor below one as source, its distance from one with three significant digits."""
    if not 0 < factor < 1:
        return repr(factor)
    return repr(round(factor, 2 - math.floor(math.log10(1 - factor))))


@dataclass(frozen=True)
class Decay:
    """A factor below one by which the script's own lines lower the learning rate.

    Attributes:
        node: The factor's expression, or the divisor's.
        divides: Whether the rate is divided by it.
        line: The whole statement.
    """

    node: ast.expr
    divides: bool
    line: ast.stmt

    def slower(self, script: Script, stretch: float) -> str:
        """Return the factor as source, `stretch` times as slow."""
        if isinstance(self.node, ast.Constant):
            value = float(self.node.value)  # type: ignore[arg-type]
            if self.divides:
                return repr(round(value ** (1 / stretch), 6))
            return near_one(value ** (1 / stretch))
        return f"({script.text(self.node)} ** (1 / {rounded(stretch)}))"


def decays(script: Script) -> list[Decay]:
    """Return the places at which a file lowers a learning rate by a factor.

    These are ``group["lr"] *= c``, ``group["lr"] = group["lr"] * c``, ``... = base * c ** epoch``
    and the same for a variable that is assigned to some ``group["lr"]``; likewise divisions.
    """
    held = {
        script.text(statement.value)
        for statement in ast.walk(script.tree)
        if isinstance(statement, ast.Assign)
        and any(_is_rate(target) for target in statement.targets)
        and isinstance(statement.value, (ast.Name, ast.Attribute))
    }
    return [decay for node in ast.walk(script.tree) for decay in _decays_of(script, node, held)]


def _is_rate(node: ast.AST) -> bool:
    """Return whether an expression is ``anything["lr"]``."""
    return (
        isinstance(node, ast.Subscript)
        and isinstance(node.slice, ast.Constant)
        and node.slice.value == "lr"
    )


def _decays_of(script: Script, node: ast.AST, held: set[str]) -> Iterator[Decay]:
    def rate(target: ast.AST) -> bool:
        return _is_rate(target) or (
            isinstance(target, (ast.Name, ast.Attribute)) and script.text(target) in held
        )

    if isinstance(node, ast.AugAssign) and rate(node.target):
        divides = isinstance(node.op, ast.Div)
        if (divides or isinstance(node.op, ast.Mult)) and _is_factor(node.value, divides):
            yield Decay(node.value, divides, node)
    elif isinstance(node, ast.Assign) and len(node.targets) == 1 and rate(node.targets[0]):
        own = script.text(node.targets[0])
        yield from _in_product(script, node, own)


def _in_product(script: Script, statement: ast.Assign, own: str) -> Iterator[Decay]:
    """Yield the factor in ``rate * c``, ``rate / c``, ``base * c ** epoch`` or ``c ** epoch``."""
    value = statement.value
    powers = [
        node
        for node in ast.walk(value)
        if isinstance(node, ast.BinOp)
        and isinstance(node.op, ast.Pow)
        and any(isinstance(name, ast.Name) for name in ast.walk(node.right))
        and _is_constant(script, node.left)
    ]
    if powers:
        for power in powers:
            yield Decay(power.left, False, statement)
        return
    if not isinstance(value, ast.BinOp) or not isinstance(value.op, (ast.Mult, ast.Div)):
        return
    divides = isinstance(value.op, ast.Div)
    pairs = [(value.left, value.right)]
    if not divides:
        pairs.append((value.right, value.left))
    for rate, factor in pairs:
        if script.text(rate) == own and _is_factor(factor, divides):
            yield Decay(factor, divides, statement)
            return


def _is_constant(script: Script, node: ast.expr) -> bool:
    """Return whether the base of a power is a factor below one that stays the same in a run."""
    if isinstance(node, ast.Constant):
        return _is_factor(node, False)
    if not isinstance(node, (ast.Name, ast.Attribute)):
        return False
    text = script.text(node)
    values = [
        getattr(other, "value", None)
        for other in ast.walk(script.tree)
        if isinstance(other, (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.For))
        for target in getattr(other, "targets", None) or [other.target]  # type: ignore[union-attr]
        if text in [script.text(part) for part in _parts(target)]
    ]
    if not values:
        return isinstance(node, ast.Attribute)  # of the arguments, say
    only = values[0]
    return len(values) == 1 and isinstance(only, ast.Constant) and _is_factor(only, False)


def _parts(target: ast.expr) -> list[ast.expr]:
    if isinstance(target, (ast.Tuple, ast.List)):
        return [part for element in target.elts for part in _parts(element)]
    return [target]


def _is_factor(node: ast.expr, divides: bool) -> bool:
    """Return whether an expression may be a factor that lowers: a number or a name."""
    if isinstance(node, ast.Constant):
        value = node.value
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            return False
        return value > 1 if divides else 0 < value < 1
    return isinstance(node, (ast.Name, ast.Attribute))
