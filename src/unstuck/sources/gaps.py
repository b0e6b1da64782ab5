"""Fills the gaps (NaN, infinity) in the data that a training is given."""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping, Sequence
from typing import Any

from unstuck.edits import Rewrite
from unstuck.findings import Location
from unstuck.remedies import Change
from unstuck.signals import Run
from unstuck.sources.flow import bound
from unstuck.sources.script import Function, Script, dotted

__all__ = ["filled"]

_CENTRED = 0.3
"""Largest mean of a column, in standard deviations, at which 0 may stand for the mean."""


def filled(run: Run) -> list[Change]:
    """Return the changes that put the training data's column means where the inputs have gaps.

    Nothing unless every variable with gaps is a table of inputs whose columns hold some finite
    value, with one place in the script that makes it, and it is known what the means are.
    """
    script = Script.read(run.loss_function.location)
    means = run.facts.get("input_mean") or []
    if script is None or not means:
        return []
    held = [
        each
        for each in run.facts["nonfinite"].get("names") or []
        if each["tensor"] and Script.read(Location(each["file"], 1)) is script
    ]
    made = [(each, _maker(script, each)) for each in held]
    known = [(each, maker) for each, maker in made if maker is not None]
    tables = all(each["shape"][1:] == [len(means)] and not each["dead"] for each, _ in known)
    names = {each["name"] for each, _ in known}
    roots = [(each["name"], maker) for each, maker in known if not _uses(maker, names)]
    fills = _fills(run, roots, any(each["infinite"] for each, _ in known)) if tables else {}
    return [
        change
        for name, maker in roots
        if name in fills
        for change in _fill(script, maker, name, fills[name])
    ]


def _fill(script: Script, maker: ast.stmt, name: str, fill: str) -> list[Change]:
    spelled = script.spelled("torch.where")
    if spelled is None:
        return []
    where, imports = spelled
    finite = f"{where.removesuffix('where')}isfinite"
    line = f"{name} = {where}({finite}({name}), {name}, {fill})"
    edits: list[Rewrite] = [*imports, script.after(maker, [line])]
    meaning = "0, the mean of every column" if fill == "0.0" else "the mean of its column"
    return [Change(f"{name}: what is not finite becomes {meaning}", each) for each in edits]


def _maker(script: Script, held: Mapping[str, Any]) -> ast.stmt | None:
    """Return the last plain assignment to a variable in its scope, None if others follow."""
    scope = _scope(script, held["function"])
    found = [
        node
        for node in ast.walk(scope or ast.Module([], []))
        if isinstance(node, ast.Assign)
        and script.scope(node) is scope
        and any(bound(target, node.value, held["name"]) for target in node.targets)
    ]
    if not found or any(script.loops(node) for node in found):
        return None
    last = max(found, key=lambda node: node.lineno)
    return last if last in getattr(scope, "body", ()) or _guarded(script, last) else None


def _guarded(script: Script, statement: ast.stmt) -> bool:
    """Return whether a statement is directly within ``if __name__ == "__main__"``."""
    around = script.parents[statement]
    return isinstance(around, ast.If) and "__name__" in ast.dump(around.test)


def _scope(script: Script, function: str | None) -> Function | ast.Module | None:
    if function is None:
        return script.tree
    found = script.functions(function)
    return found[0] if len(found) == 1 else None


def _uses(maker: ast.stmt, names: set[str]) -> bool:
    """Return whether a variable is made from another one with gaps."""
    value = getattr(maker, "value", maker)
    targets = {dotted(target) for target in getattr(maker, "targets", ())}
    loaded = {n.id for n in ast.walk(value) if isinstance(n, ast.Name)}
    return bool((loaded & names) - targets)


def _fills(run: Run, makers: Sequence[tuple[str, ast.stmt]], infinite: bool) -> dict[str, str]:
    """Return what to put into the gaps of each variable."""
    spreads = run.facts.get("input_std") or []
    columns = [
        (mean, spread)
        for mean, spread in zip(run.facts["input_mean"], spreads, strict=False)
        if math.isfinite(mean) and math.isfinite(spread)
    ]
    if columns and all(abs(mean) <= _CENTRED * spread for mean, spread in columns if spread):
        return {name: "0.0" for name, _ in makers}
    train = [(name, maker.lineno) for name, maker in makers if "train" in name.lower()]
    if len(train) != 1 or infinite or any(m.lineno < train[0][1] for _, m in makers):
        return {}
    return {name: f"{train[0][0]}.nanmean(0)" for name, _ in makers}
