"""The pass over held-out data in a loop over epochs: which expression holds its loss."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from unstuck.evidence import held_out
from unstuck.findings import Location
from unstuck.loops import innermost, loops_around, rounds
from unstuck.signals import Run
from unstuck.sources.flow import quiet
from unstuck.sources.script import FUNCTIONS, Function, Script, callee, dotted

__all__ = ["Pass", "validation_pass"]

_PLAIN = frozenset({"item", "cpu", "detach", "numpy", "float", "double", "mean", "sum"})
"""Methods that leave the order of losses as it is."""
_REDUCING = frozenset({"float", "sum", "mean", "fmean", "average"})
"""Functions of which the same is true for their first argument."""

_Loop = ast.For | ast.While
_Path = tuple[int, ...]


@dataclass(frozen=True)
class Pass:
    """A pass over held-out data, made once in a turn of a loop.

    Attributes:
        script: The script that the loop is in.
        loop: The loop over epochs.
        block: The statements of the loop at whose end the loss is known.
        value: Expression of the loss (or a fixed multiple of it) at the end of `block`.
        model: What the code of the loop calls the model.
    """

    script: Script
    loop: _Loop
    block: Sequence[ast.stmt]
    value: str
    model: str


def validation_pass(run: Run) -> Pass | None:
    """Return the pass whose loss is the run's validation loss.

    Returns:
        None where it is not certain: the loss has no name, the loop is not that over epochs, or
        the code there has no one name for the model.
    """
    calls = run.facts.get("validation_calls") or []
    kind = held_out(run) or ""
    chain = calls[int(kind)] if kind.isdecimal() and int(kind) < len(calls) else []
    path: _Path = ()
    for index, frame in enumerate(chain):
        place = Location.from_json(frame["location"])
        script = Script.read(place)
        if script is None:
            return None
        node = script.at(place)
        inner = Location.from_json(chain[index - 1]["location"]) if index else None
        if index and _generates(script, node, inner):
            continue  # the frame of a generator within the same expression
        if node is None or not script.editable(node):
            return None
        loop = _epochs(script, node, run.optimizer.step_location)
        if loop is not None:
            found = _named(script, node, path, loop)
            models = frame["models"]
            if found is None or len(models) != 1:
                return None
            return Pass(script, loop, found[1], found[0], models[0])
        scope = script.scope(node)
        given = _returned(script, node, path, scope) if isinstance(scope, FUNCTIONS) else None
        if given is None:
            return None
        path = given
    return None


def _generates(script: Script, node: ast.AST | None, inner: Location | None) -> bool:
    """Return whether a call holds the generator in which the call before it was made."""
    if node is None or inner is None or inner.file != script.file:
        return False
    within = script.at(inner)
    return within is not None and within is not node and node in script.around(within)


def _epochs(script: Script, node: ast.AST, step: Location | None) -> _Loop | None:
    """Return the loop over epochs if the pass is made once in each of its turns."""
    if step is None or step.file != script.file:
        return None
    training = innermost(script, step)
    around = loops_around(script, training) if training is not None else []
    own = [loop for loop in script.loops(node) if loop in around]
    if not own:
        return None
    loop = own[0]
    assert isinstance(loop, (ast.For, ast.While))
    outer = around[: around.index(loop)]
    if loop is around[-1] and any(rounds(each) is not None for each in outer):
        return None  # it may be the loop over batches
    return loop


def _named(
    script: Script, node: ast.expr, path: _Path, top: _Loop | Function
) -> tuple[str, Sequence[ast.stmt]] | None:
    """Return what holds the value of a call at the end of which statements.

    Args:
        script: The script.
        node: The call.
        path: Which element of its value, if that is a tuple.
        top: The loop or function in each turn of which the value is made anew.
    """
    statement, reached, path = _climb(script, node, path)
    anchor = _whole(script, statement, top)
    block = script.block(anchor)
    later = block[block.index(anchor) + 1 :]
    before = block[: block.index(anchor)]
    repeated = _loops_within(script, statement, top)
    if isinstance(statement, (ast.Assign, ast.AnnAssign)):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        name = _element(targets[0], path) if len(targets) == 1 else None
        if name is None or reached is not statement.value or repeated:
            return None
        return (name, block) if _only_scaled(later, name) else None
    if isinstance(statement, ast.AugAssign):
        name = dotted(statement.target)
        if name is None or path or reached is not statement.value:
            return None
        if not isinstance(statement.op, ast.Add) or not _begins_at_zero(before, name):
            return None
        return (name, block) if _only_scaled(later, name) else None
    if not isinstance(statement, ast.Expr) or path or reached is not statement.value:
        return None
    if reached is node or not isinstance(reached, ast.Call) or callee(reached) != "append":
        return None
    name = dotted(reached.func.value) if isinstance(reached.func, ast.Attribute) else None
    if name is None:
        return None
    if not repeated:
        fresh = any(name in _stored(each) for each in [*before, *later])
        return None if fresh else (f"{name}[-1]", block)
    return _reduced(script, block, later, name)


def _reduced(
    script: Script, block: Sequence[ast.stmt], later: Sequence[ast.stmt], name: str
) -> tuple[str, Sequence[ast.stmt]] | None:
    """Return what holds the mean or sum of a list whose elements are the losses of batches."""
    for index, each in enumerate(later):
        if not isinstance(each, ast.Assign) or len(each.targets) != 1:
            continue
        for load in script.loads(name, each.value):
            statement, reached, path = _climb(script, load, ())
            mean = _element(each.targets[0], path)
            call = script.parents[load]
            reducing = isinstance(call, ast.Call) and callee(call) in _REDUCING
            if statement is each and reached is each.value and mean and reducing:
                return (mean, block) if _only_scaled(later[index + 1 :], mean) else None
    return None


def _returned(script: Script, node: ast.expr, path: _Path, scope: Function) -> _Path | None:
    """Return which element of a function's value holds the value of a call in it."""
    returns = [
        each
        for each in ast.walk(scope)
        if isinstance(each, ast.Return) and script.scope(each) is scope
    ]
    if len(returns) != 1 or returns[0].value is None:
        return None
    statement, reached, inner = _climb(script, node, path)
    if statement is returns[0]:
        return inner if reached is statement.value else None
    found = _named(script, node, path, scope)
    if found is None or found[1] is not script.block(returns[0]):
        return None
    ways = set()
    for load in ast.walk(returns[0].value):
        if isinstance(load, ast.expr) and dotted(load) == found[0]:
            statement, reached, way = _climb(script, load, ())
            if reached is not returns[0].value:
                return None
            ways.add(way)
    return ways.pop() if len(ways) == 1 else None


def _climb(script: Script, node: ast.expr, path: _Path) -> tuple[ast.stmt, ast.expr, _Path]:
    """Return how far a value goes on its way to its statement, as itself or in proportion.

    Returns:
        The statement, the outermost expression that is in proportion to the value (or a tuple
        that holds it, or the call of a list's ``append``), and which element of it the value is.
    """
    statement = script.statement(node)
    while (around := script.parents[node]) is not statement:
        if isinstance(around, ast.Tuple):
            path = (around.elts.index(node), *path)
        elif isinstance(around, ast.Subscript) and node is around.value:
            key = around.slice
            if not path or not isinstance(key, ast.Constant) or key.value != path[0]:
                break
            path = path[1:]
        elif path or not _proportional(node, around):
            break
        assert isinstance(around, ast.expr)
        node = around
        if isinstance(node, ast.Call) and callee(node) == "append":
            break
    return statement, node, path


def _proportional(node: ast.expr, around: ast.AST) -> bool:
    """Return whether an expression grows and falls with a part of it."""
    if isinstance(around, ast.Attribute):
        return around.attr in _PLAIN
    if isinstance(around, ast.Call):
        if node is around.func:
            return callee(around) in _PLAIN
        name = callee(around)
        return around.args[:1] == [node] and (name in _REDUCING or name == "append")
    if isinstance(around, ast.BinOp):
        left = node is around.left and isinstance(around.op, ast.Div)
        return left or isinstance(around.op, ast.Mult)
    return isinstance(around, (ast.GeneratorExp, ast.ListComp)) and node is around.elt


def _whole(script: Script, statement: ast.stmt, top: ast.AST) -> ast.stmt:
    """Return the statement at whose end a pass is over: out of its loops and ``with`` blocks."""
    loops = _loops_within(script, statement, top)
    if loops:
        statement = loops[-1]
    while isinstance(around := script.parents[statement], ast.With) and any(
        quiet(item.context_expr) for item in around.items
    ):
        statement = around
    return statement


def _loops_within(script: Script, statement: ast.stmt, top: ast.AST) -> list[ast.stmt]:
    """Return the loops around a statement that are inside `top`, the innermost first."""
    loops = list(script.loops(statement))
    return loops[: loops.index(top)] if top in loops else loops  # type: ignore[return-value]


def _element(target: ast.expr, path: _Path) -> str | None:
    """Return the name that an element of what is assigned gets."""
    for index in path:
        if not isinstance(target, (ast.Tuple, ast.List)) or index >= len(target.elts):
            return None
        if any(isinstance(each, ast.Starred) for each in target.elts):
            return None
        target = target.elts[index]
    return dotted(target)


def _begins_at_zero(before: Sequence[ast.stmt], name: str) -> bool:
    """Return whether a sum is zero before the statements that follow."""
    for statement in reversed(before):
        if name in _stored(statement):
            return isinstance(statement, ast.Assign) and _zero(statement, name)
    return False


def _zero(statement: ast.Assign, name: str) -> bool:
    for target in statement.targets:
        pairs = [(target, statement.value)]
        if isinstance(target, ast.Tuple) and isinstance(statement.value, ast.Tuple):
            pairs = list(zip(target.elts, statement.value.elts, strict=False))
        for each, value in pairs:
            if dotted(each) == name:
                return isinstance(value, ast.Constant) and value.value == 0
    return False


def _only_scaled(later: Sequence[ast.stmt], name: str) -> bool:
    """Return whether nothing but a multiple of itself is assigned to a name any more."""
    for statement in later:
        if name not in _stored(statement):
            continue
        if isinstance(statement, ast.AugAssign) and isinstance(statement.op, (ast.Div, ast.Mult)):
            continue
        value = statement.value if isinstance(statement, ast.Assign) else None
        divided = isinstance(value, ast.BinOp) and isinstance(value.op, (ast.Div, ast.Mult))
        if not divided or dotted(value.left) != name:  # type: ignore[union-attr]
            return False
    return True


def _stored(statement: ast.stmt) -> set[str]:
    """Return the names that a statement assigns to."""
    return {
        dotted(node) or ""
        for node in ast.walk(statement)
        if isinstance(node, (ast.Name, ast.Attribute)) and isinstance(node.ctx, ast.Store)
    }
