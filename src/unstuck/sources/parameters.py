"""What a script gives its optimizer, and what it freezes."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from unstuck.edits import Rewrite
from unstuck.findings import Location
from unstuck.remedies import Change
from unstuck.signals import Layer, Run
from unstuck.sources.script import FUNCTIONS, LOOPS, Script, callee, changes, dotted

__all__ = ["give_all", "move_behind", "unfreeze", "zero_before_backward"]

_NUMBER = (ast.Name, ast.Attribute, ast.Subscript)


def give_all(run: Run) -> list[Change]:
    """Return the changes that give the optimizer all parameters that the loss depends on."""
    script = Script.read(run.optimizer.location)
    call = script.at(run.optimizer.location) if script else None
    unheld: Sequence[Mapping[str, Any]] = run.facts.get("unheld") or []
    needed = [each for each in unheld if each.get("matrix")]
    if script is None or call is None or not needed or not all(u.get("root") for u in needed):
        return []
    given = _parameters(call)
    if given is None or not script.editable(given):
        return []
    roots = list(dict.fromkeys(str(each["root"]) for each in needed))
    partly = [str(each["root"]) for each in needed if each.get("held")]
    layers = [str(each["layer"]) for each in needed]
    what = f"the optimizer gets the parameters of {', '.join(roots)}"
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
    if grouped or script.text(given) == text:
        return []
    return changes(what, [script.replace(given, text)], layers)


def _parameters(call: ast.Call) -> ast.expr | None:
    """Return an optimizer's first argument."""
    if call.args:
        return None if isinstance(call.args[0], ast.Starred) else call.args[0]
    return next((word.value for word in call.keywords if word.arg == "params"), None)


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


# ---------------------------------------------------------------------- replaced modules


def move_behind(run: Run) -> list[Change]:
    """Return the changes that construct the optimizer after the modules that it is to train."""
    script = Script.read(run.optimizer.location)
    call = script.at(run.optimizer.location) if script else None
    facts = run.facts.get("loss_parameters" if run.facts.get("disconnected") else "unheld") or []
    places = [Location.from_json(each.get("location")) for each in facts if each.get("matrix")]
    if script is None or call is None or not places:
        return []
    born = [made for place in places if (made := script.at(place)) is not None]
    statement = script.statement(call)
    target = _target(statement, call)
    given = _parameters(call)
    if target is None or given is None or script.loops(call):
        return []
    models = _models(given)
    if not models or not script.whole_lines(statement):
        return []
    return _moved(script, statement, target, models, born) or _made_again(
        script, run, call, target, models, born
    )


def _target(statement: ast.stmt, call: ast.Call) -> str | None:
    if isinstance(statement, ast.Assign) and statement.value is call:
        return dotted(statement.targets[0]) if len(statement.targets) == 1 else None
    return None


def _models(given: ast.expr) -> list[str]:
    """Return the sources of all ``x`` in ``x.parameters()``."""
    owners = [
        dotted(node.func.value)
        for node in ast.walk(given)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("parameters", "named_parameters")
    ]
    return [owner for owner in owners if owner is not None]


def _moved(
    script: Script, statement: ast.stmt, target: str, models: Sequence[str], born: list[ast.Call]
) -> list[Change]:
    """Move the optimizer, and what is made of it, behind the statement that replaces a module."""
    block = script.block(statement)
    index = block.index(statement)
    replacing = [
        at
        for at, other in enumerate(block[index + 1 :], index + 1)
        if not isinstance(other, (*FUNCTIONS, *LOOPS, ast.ClassDef))
        and _replaces(script, other, models, born)
    ]
    if not replacing:
        return []
    between = block[index + 1 : replacing[-1] + 1]
    moved = [statement]
    names = {target}
    for other in between:
        if _reads(other, names):
            made = _made(other)
            if made is None or not script.whole_lines(other):
                return []
            names.add(made)
            moved.append(other)
    last = between[-1]
    if last in moved or not script.whole_lines(last):
        return []
    edits = [script.remove(each) for each in moved]
    edits.append(script.after(last, [script.text(each) for each in moved]))
    return changes(f"{target} constructed behind line {last.lineno}", edits)


def _made(statement: ast.stmt) -> str | None:
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        return dotted(statement.targets[0])
    return None


def _reads(statement: ast.stmt, names: Iterable[str]) -> bool:
    wanted = set(names)
    return any(
        dotted(node) in wanted
        for node in ast.walk(statement)
        if isinstance(node, (ast.Name, ast.Attribute)) and isinstance(node.ctx, ast.Load)
    )


def _replaces(
    script: Script, statement: ast.stmt, models: Sequence[str], born: Sequence[ast.Call]
) -> bool:
    """Return whether a statement binds a model, or a part of it, to what is constructed there."""
    for node in ast.walk(statement):
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            bound = any(_part_of(each, models) for each in targets)
            if bound and _constructs(script, node.value, born):
                return True
        elif isinstance(node, ast.Call):
            function = script.called(node)
            handed = any(dotted(argument) in models for argument in node.args)
            if handed and isinstance(function, FUNCTIONS) and _constructs(script, function, born):
                return True
    return False


def _part_of(target: ast.expr, models: Sequence[str]) -> bool:
    node: ast.expr = target
    while True:
        if dotted(node) in models:
            return True
        if not isinstance(node, (ast.Attribute, ast.Subscript)):
            return False
        node = node.value


def _constructs(script: Script, node: ast.AST, born: Sequence[ast.Call], depth: int = 0) -> bool:
    for each in ast.walk(node):
        if isinstance(each, ast.Call):
            target = script.called(each)
            if each in born or callee(each) == "deepcopy":
                return True
            if target is not None and depth < 4 and _constructs(script, target, born, depth + 1):
                return True
    return False


def _made_again(
    script: Script,
    run: Run,
    call: ast.Call,
    target: str,
    models: Sequence[str],
    born: Sequence[ast.Call],
) -> list[Change]:
    """Construct the optimizer again where another method of its class replaces the model."""
    kind, method = script.owner(call), script.scope(call)
    if kind is None or not target.startswith("self.") or _used_to_make(script, kind, target):
        return []
    found = [
        node
        for node in ast.walk(kind)
        if isinstance(node, ast.Assign)
        and script.scope(node) is not method
        and any(dotted(each) in models for each in node.targets)
        and _constructs(script, node.value, born)
    ]
    text = _known_again(script, run, call, method)
    if len(found) != 1 or text is None or script.loops(found[0]):
        return []
    edit = script.after(found[0], [f"{target} = {text}"])
    return changes(f"{target} constructed again behind line {found[0].lineno}", [edit])


def _used_to_make(script: Script, kind: ast.ClassDef, target: str) -> bool:
    """Return whether something else, such as a scheduler, is made of the optimizer."""
    return any(
        dotted(argument) == target
        for node in ast.walk(kind)
        if isinstance(node, ast.Call)
        for argument in (*node.args, *(word.value for word in node.keywords))
    )


def _known_again(script: Script, run: Run, call: ast.Call, method: ast.AST) -> str | None:
    """Return the constructor call with the numbers that the run saw for the method's own names."""
    start = script.span(call)[0]
    own = {node.arg for node in ast.walk(method) if isinstance(node, ast.arg)} - {"self"}
    own |= {
        node.id
        for node in ast.walk(method)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    data = script.text(call).encode()
    for word in reversed(call.keywords):
        if any(isinstance(n, ast.Name) and n.id in own for n in ast.walk(word.value)):
            value = run.optimizer.settings.get(word.arg or "")
            if value is None or not isinstance(word.value, _NUMBER):
                return None
            first, last = (offset - start for offset in script.span(word.value))
            data = data[:first] + repr(value).encode() + data[last:]
    if any(isinstance(n, ast.Name) and n.id in own for a in call.args for n in ast.walk(a)):
        return None
    return data.decode()


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
    given = _parameters(call)
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
    if held and given is not None and script.file == call_file(run):
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
    return asks and run.optimizer.model in _models(given)


def _lifted(script: Script, given: ast.expr, call: ast.Call, layers: Sequence[str]) -> list[Change]:
    models = _models(given)
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
