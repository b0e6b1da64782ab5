"""The loops of a script around a place in it: which is the one over epochs."""

from __future__ import annotations

import ast

from unstuck.findings import Location
from unstuck.sources.script import Script

__all__ = ["epoch_loop", "innermost", "loops_around", "rounds"]

_DEEP = 4
_WRAPPERS = frozenset({"tqdm", "trange", "track", "reversed", "list"})
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def innermost(script: Script, location: Location | None) -> ast.expr | None:
    """Return the smallest expression that covers a location."""
    if location is None:
        return None
    at = (location.line, location.column or 0)
    found = [
        node
        for node in ast.walk(script.tree)
        if isinstance(node, ast.expr)
        and (node.lineno, node.col_offset) <= at
        and (node.end_lineno or 0, node.end_col_offset or 0)
        >= (location.end_line or location.line, location.end_column or 0)
    ]
    return min(found, key=lambda n: (n.end_lineno or 0) - n.lineno, default=None)


def loops_around(script: Script, node: ast.AST, deep: int = _DEEP) -> list[ast.For | ast.While]:
    """Return the loops around a node, the outermost first.

    Those around the only call of the function that the node is in count too.
    """
    loops: list[ast.For | ast.While] = []
    for around in script.around(node):
        if isinstance(around, (ast.For, ast.While)):
            loops.insert(0, around)
        elif isinstance(around, _FUNCTIONS):
            call = _only_call(script, around)
            outer = loops_around(script, call, deep - 1) if call is not None and deep else []
            return [*outer, *loops]
    return loops


def _only_call(script: Script, function: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.Call | None:
    """Return the only call of a function by its name, or of a method behind a dot."""
    method = isinstance(script.parents.get(function), ast.ClassDef)
    within = set(ast.walk(function))
    calls = [
        node
        for node in ast.walk(script.tree)
        if isinstance(node, ast.Call)
        and node not in within
        and getattr(node.func, "attr" if method else "id", None) == function.name
    ]
    return calls[0] if len(calls) == 1 else None


def rounds(loop: ast.For | ast.While) -> ast.expr | None:
    """Return how often ``for epoch in range(EPOCHS)`` goes round; None for other loops.

    A range with a start counts from there; a range with a step of its own goes over rows.
    """
    if not isinstance(loop, ast.For):
        return None
    source = loop.iter
    while isinstance(source, ast.Call) and source.args:
        name = getattr(source.func, "attr", getattr(source.func, "id", ""))
        if name in ("range", "trange"):
            return source.args[-1] if len(source.args) <= 2 else None
        if name not in _WRAPPERS:
            return None
        source = source.args[0]
    return None


def epoch_loop(script: Script, step: Location | None) -> ast.For | ast.While | None:
    """Return the loop over epochs around the place where the optimizer steps.

    That is the innermost one that counts (``range(EPOCHS)``), else the one around the innermost.
    """
    node = innermost(script, step)
    loops = loops_around(script, node) if node is not None else []
    counting = [loop for loop in loops if rounds(loop) is not None]
    if counting:
        return counting[-1]
    return loops[-2] if len(loops) > 1 else next(iter(loops), None)
