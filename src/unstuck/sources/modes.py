"""Training and evaluation mode: where a script has to switch."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from unstuck.findings import Location
from unstuck.remedies import Change
from unstuck.signals import Run
from unstuck.sources.flow import quiet
from unstuck.sources.script import FUNCTIONS, Function, Script, callee, changes, dotted

__all__ = ["evaluate", "train"]


def train(run: Run, passes: Iterable[Mapping[str, Any]] = ()) -> list[Change]:
    """Return the changes that put the models into training mode where the training begins.

    Args:
        run: The run.
        passes: Passes that are going to be made in evaluation mode.
    """
    script = Script.read(run.loss_function.location)
    backward = script.at(run.loss_function.location) if script else None
    models = run.facts.get("trained_as") or []
    if script is None or backward is None or not models or _overridden(script):
        return []
    places = [Location.from_json(each.get("location")) for each in passes]
    own = [place for place in places if place is not None and place.file == script.file]
    passing = {line for place in own if (line := _at_line(script, place.line)) is not None}
    statement = script.statement(backward)
    loops = script.loops(backward)
    found: list[Change] = []
    for model in models:
        before: ast.stmt | None = None
        if loops and not _evaluates(script, loops[0].body, passing):
            before = loops[0]
        else:
            body = loops[0].body if loops else _body(script, statement)
            before = body[0] if body else None
        if before is None:
            return []
        found += _switched(script, before, model, on=True)
    return found


def evaluate(run: Run) -> list[Change]:
    """Return the changes that put models into evaluation mode for passes without gradients."""
    found: list[Change] = []
    sites = run.facts.get("validation_sites") or []
    for site in sites:
        place = Location.from_json(site.get("location"))
        script = Script.read(place)
        if script is None or place is None or _overridden(script):
            return []
        before = _pass(script, place)
        if before is None:
            return []
        for model in site["models"]:
            more = _switched(script, before, model, on=False)
            found += [change for change in more if change not in found]
    return found + train(run, sites) if found else []


def _overridden(script: Script) -> bool:
    """Return whether a module decides itself what training mode is."""
    names = [f for name in ("train", "eval") for f in script.functions(name)]
    return any(script.owner(function) in script.modules() for function in names)


def _body(script: Script, statement: ast.stmt) -> list[ast.stmt]:
    """Return the statements of the function around a statement, without its docstring."""
    scope = script.scope(statement)
    if not isinstance(scope, FUNCTIONS):
        return []
    body = list(scope.body)
    first = body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        body = body[1:]
    return body


def _evaluates(script: Script, nodes: Iterable[ast.AST], passing: set[ast.stmt]) -> bool:
    """Return whether some statements, or what they call, switch to evaluation mode."""
    return any(
        node in passing or (isinstance(node, ast.Call) and _off(node))
        for node in _executed(script, nodes)
    )


def _trains(script: Script, nodes: Iterable[ast.AST]) -> bool:
    return any(
        isinstance(node, ast.Call) and callee(node) == "backward"
        for node in _executed(script, nodes)
    )


def _executed(script: Script, nodes: Iterable[ast.AST], depth: int = 0) -> Iterator[ast.AST]:
    """Yield everything in some statements, and in the functions that they call."""
    for top in nodes:
        for node in ast.walk(top):
            yield node
            function = script.called(node) if isinstance(node, ast.Call) else None
            if isinstance(function, FUNCTIONS) and depth < 4:
                yield from _executed(script, function.body, depth + 1)


def _off(node: ast.Call) -> bool:
    """Return whether a call is ``x.eval()`` or ``x.train(False)``."""
    if not isinstance(node.func, ast.Attribute):
        return False
    given = [*node.args, *(word.value for word in node.keywords)]
    if node.func.attr == "eval":
        return not given
    false = [isinstance(each, ast.Constant) and each.value is False for each in given]
    return node.func.attr == "train" and false == [True]


def _switched(script: Script, before: ast.stmt, model: str, *, on: bool) -> list[Change]:
    """Return the change that switches a model's mode before a statement, none if it is so."""
    what = f"{model}.{'train' if on else 'eval'}() in line {before.lineno}"
    block = script.block(before)
    for other in reversed(block[: block.index(before)]):
        mode = _mode(other, model)
        if mode is on:
            # Only the statements next to it are sure to run each time that it does.
            inner = bool(script.loops(other)) or isinstance(script.scope(other), FUNCTIONS)
            if inner:
                return []
            break
        if mode is not None and on:
            return changes(what, [script.replace(other, f"{model}.train()")])
        if mode is not None:
            break
        if not isinstance(other, (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr)):
            break
    mode = _mode(before, model)
    if mode is on:
        return []
    if mode is not None:
        return changes(what, [script.replace(before, f"{model}.{'train' if on else 'eval'}()")])
    return changes(what, [script.before(before, [f"{model}.{'train' if on else 'eval'}()"])])


def _mode(statement: ast.stmt, model: str) -> bool | None:
    """Return which mode a statement switches `model` to, None if it does not."""
    if not isinstance(statement, ast.Expr) or not isinstance(statement.value, ast.Call):
        return None
    call = statement.value
    if not isinstance(call.func, ast.Attribute) or dotted(call.func.value) != model:
        return None
    if _off(call):
        return False
    return True if callee(call) == "train" else None


def _pass(script: Script, place: Location) -> ast.stmt | None:
    """Return the statement with which a pass without gradients begins."""
    call = script.at(place)
    node: ast.AST | None = call or _at_line(script, place.line)
    if node is None:
        return None
    scope = script.scope(node)
    for each in script.around(node):
        if each is scope:
            break
        if isinstance(each, ast.With) and any(quiet(item.context_expr) for item in each.items):
            return _outside_loop(script, each)
    if isinstance(scope, FUNCTIONS):
        return _beginning(script, scope, node)
    return None


def _outside_loop(script: Script, statement: ast.stmt) -> ast.stmt:
    """Return the outermost loop around a pass in which nothing is trained, or the pass itself."""
    for loop in script.loops(statement):
        if _trains(script, loop.body):
            break
        statement = loop
    return statement


def _beginning(script: Script, scope: Function, node: ast.AST) -> ast.stmt | None:
    """Return the first statement of a function that only evaluates."""
    trains = any(isinstance(n, ast.Call) and callee(n) == "backward" for n in ast.walk(scope))
    if trains or scope.name == "forward":
        return None
    body = _body(script, script.statement(node))
    return body[0] if body else None


def _at_line(script: Script, line: int) -> ast.stmt | None:
    found = [
        node
        for node in ast.walk(script.tree)
        if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or node.lineno)
    ]
    return max(found, key=lambda node: node.lineno, default=None)
