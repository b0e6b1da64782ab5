"""Takes out what cuts layers off the loss: ``detach``, ``no_grad``, a way through numpy."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

from unstuck.edits import Rewrite
from unstuck.findings import Location
from unstuck.remedies import Change
from unstuck.signals import Run
from unstuck.sources.arrays import in_torch
from unstuck.sources.flow import Cut, Flow, definitions
from unstuck.sources.script import ATOMS, Script, changes, dotted

__all__ = ["attach"]

_SUFFIX = r"\s*\.\s*(?:data|(?:detach|item|numpy|tolist)\s*\(\s*\))"
_READ_ONLY = ("shape", "size", "dtype", "item", "detach", "device", "ndim", "numel", "dim")


def attach(run: Run, cut: Sequence[str]) -> list[Change]:
    """Return the changes after which gradients reach layers that were cut off.

    Args:
        run: The run.
        cut: Names of these layers; () for all.
    """
    loss = Script.read(run.loss_function.location)
    target = _targets(run, cut)
    if loss is not None:
        backward = loss.at(run.loss_function.location)
        if backward is not None and isinstance(backward.func, ast.Attribute):
            flow = Flow(loss, target(loss))
            flow.follow(backward.func.value)
            found = _attached(flow)
            if found:
                return found
    files = [la.location for la in run.layers if la.location]
    scripts = [loss] if loss else []
    for place in dict.fromkeys(Location(each.file, 1) for each in files):
        script = Script.read(place) if loss is None or place.file != loss.file else None
        scripts += [script] if script else []
    for script in scripts:
        for kind in script.modules():
            found = _in_forward(script, kind, target(script))
            if found:
                return found
    return []


def _in_forward(
    script: Script, kind: ast.ClassDef, target: Callable[[ast.Call], bool]
) -> list[Change]:
    forward = next((f for f in script.functions("forward") if script.owner(f) is kind), None)
    if forward is None:
        return []
    # As if somebody called it: its own decorators and blocks count.
    call = ast.Call(func=ast.Name(id="forward", ctx=ast.Load()), args=[], keywords=[])
    flow = Flow(script, target)
    flow._enter(forward, call, (), {}, live=True)
    return _attached(flow)


def _targets(run: Run, cut: Sequence[str]) -> Callable[[Script], Callable[[ast.Call], bool]]:
    """Return what says of a call in a script whether it runs one of the cut layers."""
    names = {run.optimizer.model or "", *(run.facts.get("trained_as") or [])} - {""}
    parts = [name.split(".") for name in cut or [la.name for la in run.layers]]

    def in_script(script: Script) -> Callable[[ast.Call], bool]:
        def target(call: ast.Call) -> bool:
            text = dotted(_iterated(script, call.func))
            if text is None:
                return False
            if not cut and text in names:
                return True
            for name in sorted(names, key=len, reverse=True):
                text = text.removeprefix(f"{name}.")
            path = text.removeprefix("self.").split(".")
            return any(_within(path, each) for each in parts)

        return target

    return in_script


def _iterated(script: Script, function: ast.expr) -> ast.expr:
    """Return what a loop goes over, for the name of its element."""
    while isinstance(function, ast.Subscript):
        function = function.value
    if isinstance(function, ast.Name):
        for value, statement in definitions(script, function):
            if isinstance(statement, ast.For) and dotted(value):
                return value
    return function


def _within(path: Sequence[str], name: Sequence[str]) -> bool:
    return any(
        list(name[at : at + len(path)]) == list(path) for at in range(len(name) - len(path) + 1)
    )


# ---------------------------------------------------------------------- the edits


def _attached(flow: Flow) -> list[Change]:
    """Return the changes that take out every cut, if each way to the layers has one."""
    if not flow.ways or not all(flow.ways) or not flow.certain:
        return []
    cuts = list(dict.fromkeys(cut for way in flow.ways for cut in way))
    statements = dict.fromkeys(flow.script.statement(cut.node) for cut in cuts)
    empty = [each for each in statements if _says_nothing(flow, each)]
    edits = [*_leaves(flow), *(flow.script.remove(each) for each in empty)]
    gone = [edit.location for edit in edits]
    for cut in cuts:
        if any(_holds(place, flow.script.location(cut.node)) for place in gone):
            continue
        found = _without(flow, cut)
        if not found:
            return []
        edits += found
    for call in flow.numpy:
        said = in_torch(flow.script, call)
        if said is None:
            return []
        edits += said
    edits += _kept(flow, cuts)
    lines = sorted({vars(cut.node)["lineno"] for cut in cuts})
    where = ", ".join(map(str, lines))
    unique = list(dict.fromkeys(edits))
    return [] if _overlap(unique) else changes(f"gradients go on through line {where}", unique)


def _says_nothing(flow: Flow, statement: ast.stmt) -> bool:
    """Return whether an assignment is of a name to itself once its cuts are gone."""
    if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
        return False
    value = statement.value
    while (cut := flow.cut(value)) is not None and cut.inner is not None:
        value = cut.inner
    around = any(isinstance(each, ast.With) for each in flow.script.around(statement))
    same = isinstance(value, ast.Name) and dotted(statement.targets[0]) == value.id
    return same and value is not statement.value and not around


def _leaves(flow: Flow) -> list[Rewrite]:
    """Return the edits that drop ``x.requires_grad = True``, which only a leaf lets be set."""
    script = flow.script
    known = {(dotted(node), script.scope(node)) for node in flow.names}
    return [
        script.remove(node)
        for node in ast.walk(script.tree)
        if isinstance(node, ast.Assign)
        and isinstance(target := node.targets[0], ast.Attribute)
        and target.attr == "requires_grad"
        and (dotted(target.value), script.scope(node)) in known
    ]


def _holds(outer: Location, inner: Location) -> bool:
    """Return whether a passage is within another one."""
    begin, end = (outer.line, outer.column or 0), (outer.end_line or 0, outer.end_column or 0)
    first, last = (inner.line, inner.column or 0), (inner.end_line or 0, inner.end_column or 0)
    return begin <= first and last <= end


def _overlap(edits: Sequence[Rewrite]) -> bool:
    spans = sorted(
        ((e.location.line, e.location.column or 0), (e.location.end_line, e.location.end_column))
        for e in edits
        if e.expects
    )
    return any(one[1] > other[0] for one, other in pairwise(spans))


def _without(flow: Flow, cut: Cut) -> list[Rewrite]:
    script = flow.script
    if not isinstance(cut.node, (ast.With,)) and not script.editable(cut.node):
        return []
    if cut.kind == "suffix":
        found = script.suffix(cut.node, _SUFFIX)
        return [found, *_bare(script, cut)] if found else []
    if cut.kind == "with":
        if not isinstance(cut.node, ast.With) or len(cut.node.items) != 1:
            return []
        found = script.unwrap(cut.node)
        return [found] if found else []
    if cut.kind == "decorator":
        start, end = script.span(cut.node)
        line = script._starts[vars(cut.node)["lineno"] - 1]
        return [script.passage(line, script._starts[vars(cut.node)["end_lineno"]], "")]
    assert cut.inner is not None
    (start, end), (first, last) = script.span(cut.node), script.span(cut.inner)
    whole = isinstance(script.parents[cut.node], (ast.Return, ast.Assign, ast.AnnAssign))
    pair = ("", "") if whole or isinstance(cut.inner, ATOMS) else ("(", ")")
    return [script.passage(start, first, pair[0]), script.passage(last, end, pair[1])]


def _bare(script: Script, cut: Cut) -> list[Rewrite]:
    """Return the edits that drop the parentheses that only the method call needed."""
    assert cut.inner is not None
    around = script.parents[cut.node]
    while isinstance(around, (ast.Attribute, ast.Call)) and not isinstance(around, ast.Return):
        if not re.search(rf"(?:{_SUFFIX}|\.\s*(?:detach|item|numpy))\Z", script.text(around)):
            return []
        around = script.parents[around]
    (start, end), inner = script.span(cut.inner), script.text(cut.node)
    own = script.span(cut.node)[0]
    if not isinstance(around, (ast.Return, ast.Assign)) or not inner.startswith("("):
        return []
    closing = script.passage(end, end + 1, "")
    if start != own + 1 or closing.expects != ")" or "\n" in script.text(cut.inner):
        return []
    return [script.passage(own, start, ""), closing]


def _kept(flow: Flow, cuts: Iterable[Cut]) -> list[Rewrite]:
    """Return the edits by which everything but the loss goes on to use the detached value."""
    script, edits = flow.script, []
    nodes = {cut.node for cut in cuts if cut.kind == "suffix"}
    for node in nodes:
        around = script.parents[node]
        if not isinstance(around, ast.Assign) or not isinstance(around.targets[0], ast.Name):
            continue
        found = re.search(rf"(?:{_SUFFIX})+\Z", script.text(node))
        name, scope = around.targets[0].id, script.scope(around)
        for use in script.loads(name, scope):
            others = [statement for _, statement in definitions(script, use)]
            shown = script.parents[use]
            plain = isinstance(shown, ast.Attribute) and shown.attr in _READ_ONLY
            if use in flow.names or around not in others or plain or not script.editable(use):
                continue
            edits.append(script.insert(script.span(use)[1], found[0].strip() if found else ""))
    return edits
