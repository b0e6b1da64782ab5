"""Calls that only an evaluation makes."""

from __future__ import annotations

import ast

from unstuck.findings import Location
from unstuck.signals import Run
from unstuck.sources.flow import quiet
from unstuck.sources.script import FUNCTIONS, Script, callee

__all__ = ["only_evaluated"]


def only_evaluated(run: Run, name: str) -> list[Location]:
    """Return the calls of a function whose result only reaches the loss of an evaluation.

    These are calls within a module where it is not in training mode (``if not self.training:``, or
    behind an ``if self.training:`` that returns), and calls that are given to another one as its
    first of two arguments within ``torch.no_grad()``, as predictions are to a loss.

    Args:
        run: The run.
        name: Of the function: ``softmax`` stands for ``F.softmax(x)`` and ``x.softmax()``.
    """
    places = [run.loss_function.location, *(layer.location for layer in run.layers)]
    files = dict.fromkeys(place.file for place in places if place is not None)
    trained = {act.location for act in run.activations}
    found = []
    for script in (Script.read(Location(file, 1)) for file in files):
        calls = (
            [node for node in ast.walk(script.tree) if isinstance(node, ast.Call)] if script else []
        )
        for call in calls:
            if script is None or callee(call) != name or script.location(call) in trained:
                continue
            own = isinstance(call.func, ast.Attribute) and script.text(call.func.value) == "self"
            if not own and (_not_in_training(script, call) or _judged(script, call)):
                found.append(script.location(call))
    return found


def _not_in_training(script: Script, call: ast.Call) -> bool:
    """Return whether a call of a module's method is reached in evaluation mode only."""
    if script.owner(call) not in script.modules():
        return False
    inner: ast.AST = call
    for outer in script.around(call):
        if isinstance(outer, FUNCTIONS):
            break
        if isinstance(outer, (ast.If, ast.IfExp)):
            bodies = (outer.body, outer.orelse)
            first, second = (b if isinstance(b, list) else [b] for b in bodies)
            mode = _asks(outer.test)
            if (mode is True and inner in second) or (mode is False and inner in first):
                return True
        inner = outer
    statement = script.statement(call)
    block = script.block(statement)
    return any(
        isinstance(each, ast.If)
        and _asks(each.test) is True
        and isinstance(each.body[-1], (ast.Return, ast.Raise))
        for each in block[: block.index(statement)]
    )


def _asks(test: ast.expr) -> bool | None:
    """Return True for ``self.training``, False for ``not self.training``, None for others."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        inner = _asks(test.operand)
        return None if inner is None else not inner
    return True if isinstance(test, ast.Attribute) and test.attr == "training" else None


def _judged(script: Script, call: ast.Call) -> bool:
    """Return whether a call's result is what a loss is given without gradients."""
    around = list(script.around(call))
    outer = around[0] if around else None
    if not isinstance(outer, ast.Call) or outer.args[:1] != [call] or len(outer.args) != 2:
        return False
    quietly = [
        item.context_expr for each in around if isinstance(each, ast.With) for item in each.items
    ]
    decorated = [d for each in around if isinstance(each, FUNCTIONS) for d in each.decorator_list]
    return any(quiet(each) for each in (*quietly, *decorated))
