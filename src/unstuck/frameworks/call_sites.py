"""The user's source around a call that a run has located: what is called there, with what.

Only reads: `unstuck.patch` writes. A location is the span of one call expression, as the
interpreter reports it, so the call is found by its span and never guessed by name.
"""

from __future__ import annotations

import ast
import linecache
from functools import lru_cache
from types import FrameType

from unstuck.findings import Location

__all__ = ["Call", "attributes", "call_at", "layer_loop", "resolve", "unused"]

_NOTHING = object()


class Call:
    """A call expression in the user's source.

    Attributes:
        node: The syntax node.
        parents: The nodes around it, the innermost first.
    """

    def __init__(self, node: ast.Call, parents: tuple[ast.AST, ...], source: str) -> None:
        self.node = node
        self.parents = parents
        self._source = source

    def text(self, node: ast.AST) -> str:
        """Return the source of a part of the call."""
        return ast.get_source_segment(self._source, node) or ast.unparse(node)

    @property
    def callee(self) -> str:
        """Last part of the name of what is called; "" if it is no name."""
        function = self.node.func
        if isinstance(function, ast.Attribute):
            return function.attr
        return function.id if isinstance(function, ast.Name) else ""

    @property
    def receiver(self) -> str | None:
        """Source of what stands before the last dot: ``self.optimizer`` of its ``step()``."""
        function = self.node.func
        return self.text(function.value) if isinstance(function, ast.Attribute) else None

    @property
    def plain(self) -> bool:
        """Whether every argument is written out: no ``*`` and no ``**``."""
        starred = any(isinstance(argument, ast.Starred) for argument in self.node.args)
        return not starred and all(keyword.arg for keyword in self.node.keywords)

    @property
    def keywords(self) -> dict[str, str]:
        """Source of the keyword arguments."""
        return {word.arg: self.text(word.value) for word in self.node.keywords if word.arg}

    @property
    def positional(self) -> list[str]:
        """Source of the positional arguments."""
        return [self.text(argument) for argument in self.node.args]

    def arguments(self, positions: tuple[str, ...]) -> dict[str, str]:
        """Return the source of the arguments by name; `positions` names the positional ones."""
        return {**dict(zip(positions, self.positional, strict=False)), **self.keywords}

    def unless(self, variable: str, rows: str) -> str:
        """Return the call as it is to be written so that it spares the last of some layers."""
        value = self.node.args[0] if self.node.args else getattr(self.node.func, "value", self.node)
        text = f"{self.text(value)} if {variable} is {rows}[-1] else {self.text(self.node)}"
        alone = isinstance(self.parents[0], (ast.Assign, ast.Return)) if self.parents else False
        return text if alone else f"({text})"

    @property
    def element(self) -> bool:
        """Whether the call is an element of ``Sequential(...)`` or of a list or tuple display."""
        around = self.parents[0] if self.parents else None
        if isinstance(around, ast.Call):
            return Call(around, (), self._source).callee == "Sequential"
        return isinstance(around, (ast.List, ast.Tuple))

    @property
    def scope(self) -> ast.AST | None:
        """The function around the call, or the module."""
        scopes = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef, ast.Module)
        return next((node for node in self.parents if isinstance(node, scopes)), None)

    @property
    def target(self) -> str | None:
        """Source of the one name that the call's value is assigned to, or None."""
        around = self.parents[0] if self.parents else None
        if isinstance(around, ast.Assign) and len(around.targets) == 1:
            target: ast.expr = around.targets[0]
        elif isinstance(around, (ast.AnnAssign, ast.NamedExpr)):
            target = around.target
        else:
            return None
        return self.text(target) if isinstance(target, (ast.Name, ast.Attribute)) else None

    def owners(self, method: str) -> list[str]:
        """Return the sources of all ``x`` in ``x.method()`` among the call's arguments."""
        return [
            self.text(node.func.value)
            for argument in (*self.node.args, *(word.value for word in self.node.keywords))
            for node in ast.walk(argument)
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == method
        ]


@lru_cache(maxsize=16)
def _calls(source: str) -> dict[tuple[int, int, int | None, int | None], Call]:
    calls: dict[tuple[int, int, int | None, int | None], Call] = {}

    def walk(node: ast.AST, parents: tuple[ast.AST, ...]) -> None:
        if isinstance(node, ast.Call):
            key = (node.lineno, node.col_offset, node.end_lineno, node.end_col_offset)
            calls[key] = Call(node, parents, source)
        for child in ast.iter_child_nodes(node):
            walk(child, (node, *parents))

    try:
        walk(ast.parse(source), ())
    except (SyntaxError, RecursionError):
        return {}
    return calls


def _source(file: str) -> str:
    return "".join(linecache.getlines(file))


def call_at(location: Location | None) -> Call | None:
    """Return the call at `location`, or None if there is none or only its line is known."""
    if location is None or location.column is None:
        return None
    key = (location.line, location.column, location.end_line, location.end_column)
    return _calls(_source(location.file)).get(key)


def layer_loop(call: Call) -> tuple[str, str] | None:
    """Return the variable and the layers of the loop around an activation: ``for layer in layers``.

    None unless the activation is given that layer's output, in the same expression or in the
    statement before, and the layers have a name.
    """
    loop = next(
        (node for node in call.parents if isinstance(node, (ast.For, ast.FunctionDef))), None
    )
    if not isinstance(loop, ast.For) or (len(call.node.args) > 1 and call.receiver is None):
        return None
    target, rows = loop.target, loop.iter
    if (
        isinstance(rows, ast.Call)
        and isinstance(rows.func, ast.Name)
        and (rows.func.id, len(rows.args)) == ("enumerate", 1)
        and isinstance(target, ast.Tuple)
    ):
        target, rows = target.elts[-1], rows.args[0]
    if not isinstance(target, ast.Name) or not isinstance(rows, (ast.Name, ast.Attribute)):
        return None
    calls = [
        node
        for statement in loop.body
        for node in ast.walk(statement)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == target.id
    ]
    names = [n for n in ast.walk(loop) if isinstance(n, ast.Name) and n.id == target.id]
    stored = [n for n in names if isinstance(n.ctx, ast.Store)]
    single = len(calls) == 1 and len(stored) == 1
    return (target.id, call.text(rows)) if single else None


@lru_cache(maxsize=16)
def _names(source: str) -> frozenset[str]:
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except (SyntaxError, RecursionError):
        return frozenset()
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    names |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    names |= {
        (alias.asname or alias.name).partition(".")[0]
        for node in nodes
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
    }
    defined = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return frozenset(names | {node.name for node in nodes if isinstance(node, defined)})


@lru_cache(maxsize=16)
def _attributes(source: str) -> frozenset[str]:
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except (SyntaxError, RecursionError):
        return frozenset()
    return frozenset(node.attr for node in nodes if isinstance(node, ast.Attribute))


def attributes(file: str) -> frozenset[str]:
    """Return the names of all attributes that a file uses."""
    return _attributes(_source(file))


def unused(name: str, file: str) -> str:
    """Return `name`, with underscores behind it as long as the file already uses it."""
    taken = _names(_source(file))
    while name in taken:
        name += "_"
    return name


def resolve(expression: str, frame: FrameType | None) -> object | None:
    """Return the value of a name or a chain of attributes in `frame`, or None.

    Nothing is called: properties of modules are not looked at.
    """
    if frame is None:
        return None
    first, *rest = expression.split(".")
    value = frame.f_locals.get(first, frame.f_globals.get(first, _NOTHING))
    for name in rest:
        held = getattr(value, "__dict__", {})
        value = held.get(name, (held.get("_modules") or {}).get(name, _NOTHING))
    return None if value is _NOTHING else value
