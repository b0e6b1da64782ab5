"""What a script gives its optimizer, and what it freezes."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from unstuck.edits import Rewrite
from unstuck.findings import Location
from unstuck.remedies import Change
from unstuck.signals import Layer, Run
from unstuck.sources.flow import definitions
from unstuck.sources.script import LOOPS, Script, callee, changes, dotted

__all__ = ["give_all", "given_models", "given_parameters", "unfreeze", "zero_before_backward"]


def give_all(run: Run) -> list[Change]:
    """Return the changes that give the optimizer all parameters that the loss depends on.

    Where the loss depends on none of those that it is given, they take their place.
    """
    script = Script.read(run.optimizer.location)
    call = script.at(run.optimizer.location) if script else None
    apart = run.facts.get("disconnected")
    facts = run.facts.get("loss_parameters" if apart else "unheld")
    unheld: Sequence[Mapping[str, Any]] = facts or []
    needed = [each for each in unheld if each.get("matrix")]
    if script is None or call is None or not needed or not all(u.get("root") for u in needed):
        return []
    given = given_parameters(call)
    if given is None or not script.editable(given):
        return []
    roots = list(dict.fromkeys(str(each["root"]) for each in needed))
    partly = [str(each["root"]) for each in needed if each.get("held")]
    layers = [str(each["layer"]) for each in needed]
    what = f"the optimizer gets the parameters of {', '.join(roots)}"
    if apart:
        return [] if partly else changes(what, _others(script, given, roots), layers)
    if not partly:
        return changes(what, _add(script, given, roots), layers)
    if roots != [run.optimizer.model] or run.facts.get("groups", 1) != 1:
        return []
    unused, names = run.facts.get("unused_layers") or [], {str(u["layer"]) for u in unheld}
    others = [la for la in run.layers if la.trainable and not la.optimized]
    if any(la.name not in names and la.name not in unused for la in others):
        return []  # another optimizer holds them
    text = f"{roots[0]}.parameters()"
    grouped = isinstance(given, ast.List) and any(isinstance(e, ast.Dict) for e in given.elts)
    if grouped or script.text(given) == text or _whole(script, given, roots[0]):
        return []
    return changes(what, [script.replace(given, text)], layers)


def _whole(script: Script, given: ast.expr, root: str) -> bool:
    """Return whether all parameters of a module are given, by whatever name."""
    if not isinstance(given, ast.Call) or given.args or callee(given) != "parameters":
        return False
    owner = given.func.value if isinstance(given.func, ast.Attribute) else given
    return root in (dotted(owner), *(dotted(value) for value, _ in definitions(script, owner)))


def _others(script: Script, given: ast.expr, roots: Sequence[str]) -> list[Rewrite]:
    """Return the edits that give the parameters of other modules in place of one module's."""
    models = set(given_models(given))
    if len(models) != 1 or models.intersection(roots):
        return []
    if len(roots) == 1:
        own = [node for node in ast.walk(given) if dotted(node) in models]
        return [script.replace(node, roots[0]) for node in own]
    if callee(given) != "parameters" if isinstance(given, ast.Call) else True:
        return []
    return [script.replace(given, f"[{', '.join(f'*{root}.parameters()' for root in roots)}]")]


def given_parameters(call: ast.Call) -> ast.expr | None:
    """Return an optimizer's first argument."""
    if call.args:
        return None if isinstance(call.args[0], ast.Starred) else call.args[0]
    return next((word.value for word in call.keywords if word.arg == "params"), None)


def given_models(given: ast.expr) -> list[str]:
    """Return the sources of all ``x`` in ``x.parameters()``."""
    owners = [
        dotted(node.func.value)
        for node in ast.walk(given)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("parameters", "named_parameters")
    ]
    return [owner for owner in owners if owner is not None]


def _add(script: Script, given: ast.expr, roots: Iterable[str]) -> list[Rewrite]:
    """Return the edits that add the parameters of whole modules to what is given."""
    if isinstance(given, ast.Name):
        return []  # who knows whether these are groups
    start, end = script.span(given)
    if isinstance(given, ast.List) and given.elts:
        grouped = isinstance(given.elts[0], ast.Dict)
        forms = '{{"params": {}.parameters()}}' if grouped else "*{}.parameters()"
        more = "".join(f", {forms.format(root)}" for root in roots)
        return [script.insert(script.span(given.elts[-1])[1], more)]
    more = "".join(f", *{root}.parameters()" for root in roots)
    return [script.insert(start, "[*"), script.insert(end, f"{more}]")]


# ---------------------------------------------------------------------- freezing


def unfreeze(run: Run) -> list[Change]:
    """Return the changes that let frozen layers learn."""
    frozen = [la for la in run.layers if la.matrix and not la.trainable]
    script = Script.read(run.optimizer.location)
    call = script.at(run.optimizer.location) if script else None
    if script is None or call is None or not frozen:
        return []
    layers = [la.name for la in frozen]
    held = [la for la in frozen if la.optimized]
    given = given_parameters(call)
    if held and given is not None and len(held) < len(frozen):
        # What the optimizer is given on purpose is frozen; what it is not given may stay so.
        return _lifted(script, given, call, [la.name for la in held])
    statements = _freezing(script)
    for file in dict.fromkeys(la.location.file for la in frozen if la.location):
        if not statements and file != script.file:
            other = Script.read(Location(file, 1))
            statements = _freezing(other) if other else []
            script = other or script
    if len(statements) == 1 and _optimized_then(run, frozen, given):
        what = f"{', '.join(layers)} no longer frozen"
        return changes(what, [script.remove(statements[0])], layers)
    asked = held or _optimized_then(run, frozen, given)
    if asked and given is not None and script.file == call_file(run):
        return _lifted(script, given, call, layers)
    return []


def thaw(run: Run) -> list[Change]:
    """Return the changes that let the frozen layers of a Keras model learn."""
    frozen = [la for la in run.layers if la.matrix and not la.trainable]
    layers = [la.name for la in frozen]
    places = [*(la.location for la in frozen), run.optimizer.location]
    found: list[Change] = []
    for file in dict.fromkeys(place.file for place in places if place and frozen):
        script = Script.read(Location(file, 1))
        if script is None:
            continue
        edits = [script.remove(node) for node in _freezing(script)]
        edits += [
            script.replace(node.value, "True")
            for node in ast.walk(script.tree)
            if isinstance(node, ast.keyword)
            and node.arg == "trainable"
            and isinstance(node.value, ast.Constant)
            and node.value.value is False
        ]
        found += changes(f"{', '.join(layers)} no longer frozen", edits, layers)
    return found


def call_file(run: Run) -> str:
    """Return the file of the optimizer's constructor call."""
    return run.optimizer.location.file if run.optimizer.location else ""


def _optimized_then(run: Run, frozen: Sequence[Layer], given: ast.expr | None) -> bool:
    """Return whether the optimizer gets the layers once they are no longer frozen."""
    if all(la.optimized for la in frozen):
        return True
    if given is None:
        return False
    asks = any(isinstance(n, ast.Attribute) and n.attr == "requires_grad" for n in ast.walk(given))
    return asks and run.optimizer.model in given_models(given)


def _lifted(script: Script, given: ast.expr, call: ast.Call, layers: Sequence[str]) -> list[Change]:
    models = given_models(given)
    statement = script.statement(call)
    if (
        not models
        or isinstance(statement, (ast.Return, *LOOPS))
        or not _frozen_before(script, statement)
    ):
        return []
    lines = [f"{model}.requires_grad_(True)" for model in dict.fromkeys(models)]
    what = f"{', '.join(layers)} no longer frozen"
    return changes(what, [script.before(statement, lines)], layers)


def _frozen_before(script: Script, statement: ast.stmt) -> bool:
    """Return whether nothing in the same scope freezes after a statement."""
    scope = script.scope(statement)
    return not any(
        script.scope(other) is scope and other.lineno > statement.lineno
        for other in _freezing(script)
    )


def _freezing(script: Script) -> list[ast.stmt]:
    """Return the statements that do nothing but freeze parameters."""
    found: list[ast.stmt] = []
    for node in ast.walk(script.tree):
        if not isinstance(node, ast.stmt) or not _freezes(node):
            continue
        around = script.parents[node]
        while isinstance(around, LOOPS) and len(around.body) == 1 and not around.orelse:
            node, around = around, script.parents[around]
        if isinstance(around, ast.If) and around.body == [node] and not around.orelse:
            return []  # it depends
        found.append(node)
    return found


_SWITCHES = ("requires_grad", "trainable")
"""Attributes that freeze what they are set to False of, in PyTorch and in Keras."""


def _freezes(node: ast.stmt) -> bool:
    if isinstance(node, ast.Assign):
        target, value = node.targets[0], node.value
        frozen = isinstance(value, ast.Constant) and value.value is False
        return frozen and isinstance(target, ast.Attribute) and target.attr in _SWITCHES
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        given = [*node.value.args, *(word.value for word in node.value.keywords)]
        named = callee(node.value) == "requires_grad_"
        return named and [isinstance(a, ast.Constant) and a.value is False for a in given] == [True]
    return False


# ---------------------------------------------------------------------- order in the step


def zero_before_backward(run: Run) -> list[Change]:
    """Return the changes that move ``zero_grad()`` from behind ``backward()`` to before it."""
    script = Script.read(run.loss_function.location)
    backward = script.at(run.loss_function.location) if script else None
    step = script.at(run.optimizer.step_location) if script else None
    if script is None or backward is None or step is None:
        return []
    first, last = script.statement(backward), script.statement(step)
    block = script.block(first)
    if last not in block or not script.whole_lines(first):
        return []
    between = block[block.index(first) + 1 : block.index(last)]
    zeroing = [
        each
        for each in between
        if isinstance(each, ast.Expr)
        and isinstance(each.value, ast.Call)
        and callee(each.value) == "zero_grad"
        and script.whole_lines(each)
    ]
    if not zeroing:
        return []
    edits = [script.remove(each) for each in zeroing]
    edits.append(script.before(first, [script.text(each) for each in zeroing]))
    return changes("gradients set to zero before backward, not after it", edits)
