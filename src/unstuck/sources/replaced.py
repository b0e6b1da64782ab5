"""Modules that came into a model after its optimizer had taken the parameters."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from unstuck.findings import Location
from unstuck.remedies import Change
from unstuck.signals import Run
from unstuck.sources.flow import definitions
from unstuck.sources.parameters import given_models, given_parameters
from unstuck.sources.script import FUNCTIONS, LOOPS, Script, callee, changes, dotted

__all__ = ["move_behind"]

_NUMBER = (ast.Name, ast.Attribute, ast.Subscript)
_ADDING = ("append", "insert", "extend", "add_module", "register_module", "setattr", "update")
"""Calls that put a module into another one."""
_DEPTH = 4


def move_behind(run: Run) -> list[Change]:
    """Return the changes after which the optimizer has modules that were put in behind it.

    It is constructed after them, with whatever is made of it; where it cannot be, it is given them
    as another group.
    """
    script = Script.read(run.optimizer.location)
    call = script.at(run.optimizer.location) if script else None
    apart = bool(run.facts.get("disconnected"))
    facts = run.facts.get("loss_parameters" if apart else "unheld") or []
    places = [Location.from_json(each.get("location")) for each in facts if each.get("matrix")]
    if script is None or call is None or not places:
        return []
    born = [node for place in places if (node := script.at(place)) is not None]
    for made in _makers(script, call):
        found = (
            _moved(script, made, born)
            or (_follows(script, made, call, born) if apart else [])
            or _added(script, made, born)
        )
        if found:
            return found
    return _made_again(script, run, call, born)


@dataclass(frozen=True)
class _Maker:
    """A statement that makes an optimizer.

    Attributes:
        first: The first statement that has to stay with it: it, or what collects the parameters.
        statement: The statement.
        names: What it binds.
        optimizer: The name of the optimizer, None if an object holds it.
        models: The names of the modules whose parameters it takes.
    """

    first: ast.stmt
    statement: ast.stmt
    names: tuple[str, ...]
    optimizer: str | None
    models: tuple[str, ...]


def _makers(script: Script, call: ast.Call) -> Iterator[_Maker]:
    """Yield the statement that constructs an optimizer, then those that call for it."""
    given = given_parameters(call)
    if given is None or script.loops(call):
        return
    statement = script.statement(call)
    first, models = statement, given_models(given)
    if isinstance(given, ast.Name):
        found = definitions(script, given)
        if len(found) == 1 and script.block(found[0][1]) is script.block(statement):
            first, models = found[0][1], given_models(found[0][0])
    names = _bound(statement)
    if isinstance(statement, ast.Assign) and statement.value is call and len(names) == 1 and models:
        yield _Maker(first, statement, names, names[0], tuple(models))
    function = script.scope(call)
    if not isinstance(function, FUNCTIONS):
        return
    name = function.name
    owner = script.owner(function)
    if name == "__init__" and owner is not None:
        name = owner.name
    for node in ast.walk(script.tree):
        if not isinstance(node, ast.Call) or callee(node) != name or script.loops(node):
            continue
        outer = script.statement(node)
        if isinstance(outer, ast.Assign) and outer.value is node and len(outer.targets) == 1:
            handed = [*node.args, *(word.value for word in node.keywords)]
            known = tuple(text for each in handed if (text := dotted(each)) is not None)
            names = _bound(outer)
            own = _returned(script, function, call, names)
            yield _Maker(outer, outer, names, own, (*known, *names))


def _bound(statement: ast.stmt) -> tuple[str, ...]:
    """Return the names that an assignment binds."""
    if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
        return ()
    target = statement.targets[0]
    parts = target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target]
    return tuple(text for each in parts if (text := dotted(each)) is not None)


def _returned(
    script: Script, function: ast.AST, call: ast.Call, names: Sequence[str]
) -> str | None:
    """Return which of the names that a function's result is bound to is the optimizer."""
    made = _bound(script.statement(call))
    if getattr(function, "name", "") == "__init__":
        held = made[0].removeprefix("self.") if made else ""
        return f"{names[0]}.{held}" if held.isidentifier() and len(names) == 1 else None
    results = [
        node.value
        for node in ast.walk(function)
        if isinstance(node, ast.Return) and script.scope(node) is function and node.value
    ]
    if len(results) != 1:
        return None
    parts = results[0].elts if isinstance(results[0], ast.Tuple) else [results[0]]
    at = [i for i, part in enumerate(parts) if part is call or dotted(part) in made]
    return names[at[0]] if len(at) == 1 and len(parts) == len(names) else None


# ---------------------------------------------------------------------- what was replaced


@dataclass(frozen=True)
class _Replacement:
    """A statement that puts new modules into a model.

    Attributes:
        statement: The statement behind which they are in it.
        module: The new module's source, None if that is not known.
    """

    statement: ast.stmt
    module: str | None


def _replacements(script: Script, made: _Maker, born: Sequence[ast.Call]) -> list[_Replacement]:
    """Return what puts modules into a maker's models behind it, in the order of the source."""
    block = script.block(made.statement)
    found: list[_Replacement] = []
    for other in block[block.index(made.first) + 1 :]:
        if isinstance(other, (*FUNCTIONS, ast.ClassDef)):
            continue
        inner = [
            (each, module)
            for each in ast.walk(other)
            if isinstance(each, (ast.Assign, ast.AnnAssign, ast.Expr))
            for module in _replaced(script, each, made.models, born)
        ]
        for each, module in inner:
            turns = isinstance(other, LOOPS) and each in other.body and _reads(other, made.names)
            whole = each is other or turns
            found.append(_Replacement(each if whole else other, module if whole else None))
    return found


def _replaced(
    script: Script, statement: ast.stmt, models: Sequence[str], born: Sequence[ast.Call]
) -> Iterator[str | None]:
    """Yield the source of each module that a statement puts into a model."""
    if isinstance(statement, (ast.Assign, ast.AnnAssign)):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        for target in targets:
            value = statement.value
            if value and _part_of(target, models) and _constructs(script, value, born):
                yield script.text(target)
    call = getattr(statement, "value", None)
    if not isinstance(call, ast.Call):
        return
    receiver = call.func.value if isinstance(call.func, ast.Attribute) else None
    if callee(call) in _ADDING and call.args:
        into = call.args[0] if receiver is None else receiver
        if _part_of(into, models) and any(_constructs(script, a, born) for a in call.args):
            yield _put_in(script, call, into)
        return
    function = script.called(call)
    handed = any(dotted(argument) in models for argument in call.args)
    if handed and isinstance(function, FUNCTIONS) and _constructs(script, function, born):
        yield None


def _put_in(script: Script, call: ast.Call, into: ast.expr) -> str | None:
    """Return how to call a module that was just put into another one."""
    named = call.args[1] if callee(call) == "setattr" and len(call.args) == 3 else call.args[0]
    if callee(call) == "append":
        return f"{script.text(into)}[-1]"
    if callee(call) in ("setattr", "add_module", "register_module"):
        name = named.value if isinstance(named, ast.Constant) else None
        if isinstance(name, str) and name.isidentifier():
            return f"{script.text(into)}.{name}"
    return None


def _part_of(target: ast.expr, models: Sequence[str]) -> bool:
    node: ast.expr = target
    while True:
        if dotted(node) in models:
            return True
        if not isinstance(node, (ast.Attribute, ast.Subscript)):
            return False
        node = node.value


def _constructs(script: Script, node: ast.AST, born: Sequence[ast.Call], depth: int = 0) -> bool:
    """Return whether some code, or what it calls or reads, constructs one of some modules."""
    for each in ast.walk(node):
        if isinstance(each, ast.Call):
            target = script.called(each)
            if each in born or callee(each) == "deepcopy":
                return True
            within = target if depth < _DEPTH else None
            if within is not None and _constructs(script, within, born, depth + 1):
                return True
        elif isinstance(each, ast.Name) and isinstance(node, ast.expr) and depth < _DEPTH:
            values = [v for v, s in definitions(script, each) if isinstance(s, ast.Assign)]
            if any(_constructs(script, value, born, depth + 1) for value in values):
                return True
    return False


# ---------------------------------------------------------------------- the edits


def _moved(script: Script, made: _Maker, born: Sequence[ast.Call]) -> list[Change]:
    """Move the optimizer, and what is made of it, behind the last statement that puts in."""
    last = next((each.statement for each in reversed(_replacements(script, made, born))), None)
    if last is None:
        return []
    moved = _chain(script, made, last)
    if not moved or last in moved or not script.whole_lines(last):
        return []
    edits = [script.remove(each) for each in moved]
    edits.append(script.after(last, [script.text(each) for each in moved]))
    return changes(f"{made.names[0]} constructed behind line {last.lineno}", edits)


def _chain(script: Script, made: _Maker, last: ast.stmt) -> list[ast.stmt]:
    """Return what has to move with an optimizer behind a later statement; [] if it cannot move."""
    block = script.block(made.first)
    between = block[block.index(made.first) + 1 :]
    until = next(i for i, each in enumerate(between) if last in ast.walk(each))
    passed = between[:until]
    if between[until] is not last:  # the last one is within a loop
        own = script.block(last)
        passed += own[: own.index(last)]
    moved, names = [made.first], set(_bound(made.first))
    for other in [*passed, last]:
        if other is made.statement or _reads(other, names):
            if not _bound(other) or _writes(other, made.models):
                return []
            names.update(_bound(other))
            moved.append(other)
    whole = all(map(script.whole_lines, moved))
    return moved if whole and not names.intersection(_bound(last)) else []


def _writes(statement: ast.stmt, models: Sequence[str]) -> bool:
    return isinstance(statement, ast.Assign) and any(
        _part_of(each, models) for each in statement.targets
    )


def _reads(statement: ast.stmt, names: Iterable[str]) -> bool:
    wanted = set(names)
    return any(
        dotted(node) in wanted
        for node in ast.walk(statement)
        if isinstance(node, (ast.Name, ast.Attribute)) and isinstance(node.ctx, ast.Load)
    )


def _follows(
    script: Script, made: _Maker, call: ast.Call, born: Sequence[ast.Call]
) -> list[Change]:
    """Move the optimizer behind the model that is trained in place of its own, and rename that."""
    given = given_parameters(call)
    if len(made.models) != 1 or given is None or made.first is not made.statement:
        return []
    block = script.block(made.statement)
    found = [
        other
        for other in block[block.index(made.statement) + 1 :]
        if isinstance(other, ast.Assign)
        and len(_bound(other)) == 1
        and not _bound(other)[0].startswith(f"{made.models[0]}.")
        and _constructs(script, other.value, born)
    ]
    if len(found) != 1 or script.statement(call) is not made.statement:
        return []
    moved, (name,) = _chain(script, made, found[0]), _bound(found[0])
    if moved != [made.statement] or not script.whole_lines(found[0]):
        return []
    text = _with_name(script, made.statement, given, made.models[0], name)
    edits = [script.remove(made.statement), script.after(found[0], [text])]
    return changes(f"{made.names[0]} gets the parameters of {name}", edits)


def _with_name(script: Script, around: ast.stmt, given: ast.expr, old: str, new: str) -> str:
    """Return a statement's source with another model in what an optimizer is given."""
    start = script.span(around)[0]
    data = script.text(around).encode()
    spans = [script.span(node) for node in ast.walk(given) if dotted(node) == old]
    for first, last in sorted(spans, reverse=True):
        data = data[: first - start] + new.encode() + data[last - start :]
    return data.decode()


def _added(script: Script, made: _Maker, born: Sequence[ast.Call]) -> list[Change]:
    """Give the optimizer the new modules as groups where they are put in."""
    found = _replacements(script, made, born)
    if made.optimizer is None or not found:
        return []
    edits = []
    for each in found:
        if each.module is None or script.loops(each.statement):
            return []
        line = f'{made.optimizer}.add_param_group({{"params": {each.module}.parameters()}})'
        edits.append(script.after(each.statement, [line]))
    modules = ", ".join(str(each.module) for each in found)
    return changes(f"{made.optimizer} gets the parameters of {modules} too", edits)


# ---------------------------------------------------------------------- in another method


def _made_again(script: Script, run: Run, call: ast.Call, born: Sequence[ast.Call]) -> list[Change]:
    """Construct the optimizer again where another method of its class replaces the model."""
    kind, method, given = script.owner(call), script.scope(call), given_parameters(call)
    names = _bound(script.statement(call))
    if kind is None or given is None or len(names) != 1 or not names[0].startswith("self."):
        return []
    target, models = names[0], given_models(given)
    if _used_to_make(kind, target):
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


def _used_to_make(kind: ast.ClassDef, target: str) -> bool:
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
