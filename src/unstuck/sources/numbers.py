"""Where a number of a script is written: in place, in a variable, a default, a configuration."""

from __future__ import annotations

import ast
import math
from collections.abc import Collection, Iterable, Sequence

from unstuck.sources.script import FUNCTIONS, Script, callee, dotted

__all__ = ["literal", "value", "written"]

_DEPTH = 6


def literal(node: ast.AST) -> float | None:
    """Return the value of a written-out number, such as ``-1e-3`` or ``1 - 0.9``."""
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return float(node.value)  # type: ignore[arg-type]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = literal(node.operand)
        return None if inner is None else -inner
    if isinstance(node, ast.BinOp):
        pair = literal(node.left), literal(node.right)
        return _computed(node.op, *pair)
    return None


def _computed(operator: ast.operator, left: float | None, right: float | None) -> float | None:
    if left is None or right is None:
        return None
    try:
        if isinstance(operator, ast.Add):
            return left + right
        if isinstance(operator, ast.Sub):
            return left - right
        if isinstance(operator, ast.Mult):
            return left * right
        if isinstance(operator, ast.Div):
            return left / right
        return float(left**right) if isinstance(operator, ast.Pow) else None
    except (ArithmeticError, TypeError):
        return None


def value(script: Script, node: ast.expr) -> float | None:
    """Return the number that an expression stands for, if the script says it."""
    found = written(script, node)
    numbers = {literal(each) for each in found}
    if len(numbers) == 1 and None not in numbers:
        return numbers.pop()
    if isinstance(node, ast.BinOp):
        return _computed(node.op, value(script, node.left), value(script, node.right))
    return None


def written(
    script: Script, node: ast.expr, among: Collection[ast.expr] = (), depth: int = 0
) -> list[ast.expr]:
    """Return the written-out numbers that an expression gets its value from.

    Args:
        script: The script.
        node: The expression.
        among: Expressions that are changed in the same way, which may use the number as well.
        depth: How many names have been followed.

    Returns:
        Nothing where it is not certain, or where the number is also used for something else.
    """
    if literal(node) is not None:
        return [node] if script.editable(node) else []
    if depth > _DEPTH:
        return []
    among = (*among, node)
    sources = _sources(script, node, among)
    found = [written(script, each, (*among, *sources), depth + 1) for each in sources]
    return [each for part in found for each in part] if found and all(found) else []


def _sources(script: Script, node: ast.expr, among: Collection[ast.expr]) -> Sequence[ast.expr]:
    if isinstance(node, ast.Name):
        return _named(script, node, among)
    if isinstance(node, ast.Attribute):
        return _attribute(script, node, among)
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        entries = _entries(script, node.value, str(node.slice.value))
        uses = [
            other
            for other in ast.walk(script.tree)
            if isinstance(other, ast.Subscript) and ast.dump(other) == ast.dump(node)
        ]
        return entries if len(entries) == 1 and _only(uses, among) else []
    return []


def _only(uses: Iterable[ast.expr], among: Collection[ast.expr]) -> bool:
    return all(use in among for use in uses)


def _named(script: Script, node: ast.Name, among: Collection[ast.expr]) -> Sequence[ast.expr]:
    scope: ast.AST = script.scope(node)
    while True:
        own = _stores(script, scope, node.id)
        if own is None:
            return []
        if own:
            return own if len(own) == 1 and _only(script.loads(node.id, scope), among) else []
        if isinstance(scope, FUNCTIONS):
            given = _parameter(script, scope, node.id)
            if given is not None:
                return given if _only(script.loads(node.id, scope), among) else []
        if scope is script.tree:
            return []
        scope = next(a for a in script.around(scope) if isinstance(a, (*FUNCTIONS, ast.Module)))


def _stores(script: Script, scope: ast.AST, name: str) -> list[ast.expr] | None:
    """Return what a scope binds a name to, None if that cannot be said."""
    found: list[ast.expr] = []
    for node in ast.walk(scope):
        stored = isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store)
        if not stored or script.scope(node) is not scope:
            continue
        around = script.parents[node]
        if isinstance(around, (ast.Assign, ast.AnnAssign)) and around.value is not None:
            found.append(around.value)
        else:
            return None
    return found


def _parameter(
    script: Script, function: ast.FunctionDef | ast.AsyncFunctionDef, name: str
) -> list[ast.expr] | None:
    """Return what a parameter is given by all calls, or its default; None if it is none."""
    arguments = function.args
    names = [each.arg for each in (*arguments.posonlyargs, *arguments.args)]
    defaults: dict[str, ast.expr] = dict(
        zip(names[len(names) - len(arguments.defaults) :], arguments.defaults, strict=True)
    )
    for each, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        names.append(each.arg)
        if default is not None:
            defaults[each.arg] = default
    if name not in names:
        return None
    kind = script.owner(function)
    called = kind.name if kind is not None and function.name == "__init__" else function.name
    position = names.index(name) - (kind is not None)
    keyword_only = any(each.arg == name for each in arguments.kwonlyargs)
    found: list[ast.expr] = []
    calls = [n for n in ast.walk(script.tree) if isinstance(n, ast.Call) and callee(n) == called]
    for call in calls:
        if any(isinstance(a, ast.Starred) for a in call.args) or not all(
            word.arg for word in call.keywords
        ):
            return []
        given = next((word.value for word in call.keywords if word.arg == name), None)
        if given is None and position < len(call.args) and not keyword_only:
            given = call.args[position]
        given = given if given is not None else defaults.get(name)
        if given is None:
            return []
        if given not in found:
            found.append(given)
    return found


def _attribute(
    script: Script, node: ast.Attribute, among: Collection[ast.expr]
) -> Sequence[ast.expr]:
    text = dotted(node)
    if text is None:
        return []
    if text.startswith("self.") and text.count(".") == 1:
        kind = script.owner(node)
        within: ast.AST = kind or script.tree
        found = [
            (each, other)
            for other in ast.walk(within)
            if isinstance(other, (ast.Assign, ast.AnnAssign)) and other.value is not None
            for each in (other.targets if isinstance(other, ast.Assign) else [other.target])
            if dotted(each) == text
        ]
        named = [n for n in ast.walk(within) if isinstance(n, ast.Attribute) and dotted(n) == text]
        reads = [n for n in named if isinstance(n.ctx, ast.Load)]
        if len(found) == 1 and _only(reads, among):
            held = found[0][1].value
            return [held] if held is not None else []
        return []
    uses = [n for n in ast.walk(script.tree) if isinstance(n, ast.Attribute) and dotted(n) == text]
    entries = _entries(script, node.value, node.attr)
    return entries if len(entries) == 1 and _only(uses, among) else []


def _entries(script: Script, holder: ast.expr, key: str) -> list[ast.expr]:
    """Return what a dict, namespace, class or argument parser says for a key."""
    name = dotted(holder)
    if name is None:
        return []
    values = [
        node.value
        for node in ast.walk(script.tree)
        if isinstance(node, ast.Assign) and any(dotted(t) == name for t in node.targets)
    ]
    kinds = [kind for kind in script.classes() if kind.name == name]
    if len(values) + len(kinds) != 1:
        return []
    if kinds:
        return _fields(kinds[0], key)
    held = values[0]
    if isinstance(held, ast.Dict):
        return [
            each
            for own, each in zip(held.keys, held.values, strict=True)
            if isinstance(own, ast.Constant) and own.value == key
        ]
    if not isinstance(held, ast.Call):
        return []
    if callee(held) == "parse_args":
        return _options(script, key)
    given = [word.value for word in held.keywords if word.arg == key]
    if given or callee(held) in ("dict", "SimpleNamespace", "Namespace"):
        return given
    kinds = [kind for kind in script.classes() if kind.name == callee(held)]
    return _fields(kinds[0], key) if len(kinds) == 1 else []


def _fields(kind: ast.ClassDef, key: str) -> list[ast.expr]:
    return [
        node.value
        for node in kind.body
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if dotted(target) == key
    ]


def _options(script: Script, key: str) -> list[ast.expr]:
    """Return the default of an option of argparse."""
    return [
        word.value
        for node in ast.walk(script.tree)
        if isinstance(node, ast.Call) and callee(node) == "add_argument"
        if any(
            isinstance(a, ast.Constant) and str(a.value).lstrip("-").replace("-", "_") == key
            for a in node.args
        )
        for word in node.keywords
        if word.arg == "default" and math.isfinite(literal(word.value) or 0.0)
    ]
