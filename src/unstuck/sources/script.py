"""A script as text and syntax tree: who is around a node, what is called what, how to rewrite it.

For remedies of the stage "source". Only reads: `Rewrite` edits come out, `unstuck.patch` carries
them out. Every span is exact, counted in UTF-8 bytes as the interpreter does, so what is not
rewritten stays byte for byte.
"""

from __future__ import annotations

import ast
import os
import re
import tokenize
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar, overload

from unstuck.edits import Rewrite
from unstuck.findings import Location
from unstuck.remedies import Change

__all__ = [
    "ATOMS",
    "FUNCTIONS",
    "LOOPS",
    "Function",
    "Script",
    "callee",
    "changes",
    "dotted",
    "inside",
    "read_source",
    "standing",
]

Function = ast.FunctionDef | ast.AsyncFunctionDef
_MODULES = ("Module", "Sequential", "ModuleList", "Layer", "Model", "Loss")
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
LOOPS = (ast.For, ast.AsyncFor, ast.While)
ATOMS = (ast.Name, ast.Attribute, ast.Subscript, ast.Call)
"""Expressions that need no parentheses, whatever is put behind or in front of them."""
_Node = TypeVar("_Node", bound=ast.AST)
_STANDING: ContextVar[Mapping[str, str]] = ContextVar("standing", default=MappingProxyType({}))
"""Real path of a file -> what it says in place of what is on the disk."""


def read_source(path: str | os.PathLike[str]) -> tuple[str, str]:
    """Return a script's text, line ends untranslated, and its encoding.

    ``text.encode(encoding)`` gives the file's bytes again, byte order mark included.

    Raises:
        ValueError: If the file's bytes are not what its encoding says.
    """
    data = Path(path).read_bytes()
    try:
        encoding, _ = tokenize.detect_encoding(BytesIO(data).readline)
        return data.decode(encoding), encoding
    except (SyntaxError, UnicodeDecodeError) as error:
        raise ValueError(f"{os.fspath(path)}: {error}") from error


@contextmanager
def standing(texts: Mapping[str, str]) -> Iterator[None]:
    """Let `Script.read` find these texts in place of the files: a patch that is built upon.

    Args:
        texts: Real path of a file -> its text.
    """
    token = _STANDING.set(texts)
    try:
        yield
    finally:
        _STANDING.reset(token)


class Script:
    """A source file that was read.

    Attributes:
        file: Its path, as the run names it.
        source: Its text, line ends as they are.
        tree: Its syntax tree.
    """

    def __init__(self, file: str, source: str) -> None:
        self.file = file
        self.source = source
        self.tree = ast.parse(source)
        self.newline = "\r\n" if "\r\n" in source else "\n"
        self._data = source.encode()
        self._starts = [0]
        for line in re.findall(r"[^\r\n]*(?:\r\n?|\n)|[^\r\n]+", source):
            self._starts.append(self._starts[-1] + len(line.encode()))
        self.parents: dict[ast.AST, ast.AST] = {}
        self._quoted: set[ast.AST] = set()
        for node in ast.walk(self.tree):
            for child in ast.iter_child_nodes(node):
                self.parents[child] = node
            if isinstance(node, ast.JoinedStr):  # columns in there cannot be relied on
                self._quoted.update(ast.walk(node))
        self._imported = dict(_imports(ast.walk(self.tree)))

    @classmethod
    def read(cls, location: Location | None) -> Script | None:
        """Return the script that `location` is in, None if it cannot be read."""
        if location is None:
            return None
        try:
            standing = _STANDING.get().get(os.path.realpath(location.file))
            text = read_source(location.file)[0] if standing is None else standing
            return _parsed(location.file, text)
        except (OSError, SyntaxError, ValueError, RecursionError):
            return None

    # ------------------------------------------------------------------ places

    def span(self, node: ast.AST) -> tuple[int, int]:
        """Return where a node begins and ends, in bytes."""
        place = vars(node)
        start = self._starts[place["lineno"] - 1] + place["col_offset"]
        return start, self._starts[place["end_lineno"] - 1] + place["end_col_offset"]

    def text(self, node: ast.AST) -> str:
        """Return a node's source."""
        start, end = self.span(node)
        return self._data[start:end].decode()

    def editable(self, node: ast.AST) -> bool:
        """Return whether the place of a node is certain (it is not inside an f-string)."""
        return node not in self._quoted

    def location(self, node: ast.AST) -> Location:
        """Return the span of a node as a location."""
        place = vars(node)
        names = ("lineno", "col_offset", "end_lineno", "end_col_offset")
        return Location(self.file, *(place[name] for name in names))

    @overload
    def at(self, location: Location | None) -> ast.Call | None: ...
    @overload
    def at(self, location: Location | None, kind: type[_Node]) -> _Node | None: ...
    def at(self, location: Location | None, kind: type[ast.AST] = ast.Call) -> ast.AST | None:
        """Return the call, or other kind of node, whose span is exactly `location`."""
        if location is None or location.column is None:
            return None
        span = (location.line, location.column, location.end_line, location.end_column)
        for node in ast.walk(self.tree):
            if isinstance(node, kind):
                place = self.location(node)
                if span == (place.line, place.column, place.end_line, place.end_column):
                    return node
        return None

    def around(self, node: ast.AST) -> Iterator[ast.AST]:
        """Yield what is around a node, the innermost first."""
        while node in self.parents:
            node = self.parents[node]
            yield node

    def scope(self, node: ast.AST) -> Function | ast.Module:
        """Return the function around a node, or the module."""
        kinds = (*FUNCTIONS, ast.Module)
        return next(each for each in self.around(node) if isinstance(each, kinds))

    def owner(self, node: ast.AST) -> ast.ClassDef | None:
        """Return the class around a node."""
        return next((each for each in self.around(node) if isinstance(each, ast.ClassDef)), None)

    def statement(self, node: ast.AST) -> ast.stmt:
        """Return the innermost statement that holds a node."""
        if isinstance(node, ast.stmt):
            return node
        return next(each for each in self.around(node) if isinstance(each, ast.stmt))

    def block(self, statement: ast.stmt) -> list[ast.stmt]:
        """Return the list of statements that a statement is in."""
        for _, value in ast.iter_fields(self.parents[statement]):
            if isinstance(value, list) and statement in value:
                return value
        return [statement]

    def loops(self, node: ast.AST) -> list[ast.For | ast.AsyncFor | ast.While]:
        """Return the loops around a node within its function, the innermost first."""
        found: list[ast.For | ast.AsyncFor | ast.While] = []
        for each in self.around(node):
            if isinstance(each, (*FUNCTIONS, ast.Lambda)):
                break
            if isinstance(each, LOOPS):
                found.append(each)
        return found

    # ------------------------------------------------------------------ definitions

    def functions(self, name: str) -> list[Function]:
        """Return the functions and methods of a name."""
        return [n for n in ast.walk(self.tree) if isinstance(n, FUNCTIONS) and n.name == name]

    def classes(self) -> list[ast.ClassDef]:
        """Return all classes."""
        return [node for node in ast.walk(self.tree) if isinstance(node, ast.ClassDef)]

    def modules(self) -> list[ast.ClassDef]:
        """Return the classes that derive, at some remove, from a module of PyTorch or Keras."""
        classes = self.classes()
        found: list[ast.ClassDef] = []
        for _ in range(4):
            names = {*_MODULES, *(kind.name for kind in found)}
            found = [
                kind
                for kind in classes
                if any((dotted(base) or "").rpartition(".")[2] in names for base in kind.bases)
            ]
        return found

    def called(self, call: ast.Call) -> Function | ast.ClassDef | None:
        """Return the function, method or class of this script that a call calls.

        None if it is another's, or if several may be meant.
        """
        name = callee(call)
        kinds = (*FUNCTIONS, ast.ClassDef)
        found = [n for n in ast.walk(self.tree) if isinstance(n, kinds) and n.name == name]
        if len(found) > 1 and (dotted(call.func) or "").startswith("self."):
            own = self.owner(call)
            found = [n for n in found if self.owner(n) is own]
        if isinstance(call.func, ast.Name):
            found = [n for n in found if self.owner(n) is None or isinstance(n, ast.ClassDef)]
        return found[0] if len(found) == 1 else None

    def loads(self, name: str, within: ast.AST | None = None) -> list[ast.Name]:
        """Return where a name is read."""
        return [
            node
            for node in ast.walk(within or self.tree)
            if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load)
        ]

    # ------------------------------------------------------------------ names of torch

    def full_name(self, node: ast.AST) -> str:
        """Return the full name that an expression stands for: ``torch.nn.CrossEntropyLoss``.

        Imports are followed; "" if it is no dotted name.
        """
        first, dot, rest = (dotted(node) or "").partition(".")
        return f"{self._imported.get(first, first)}{dot}{rest}"

    def imported(self) -> list[str]:
        """Return the full names of what the script imports."""
        return [*self._imported.values(), *self.stars()]

    def stars(self) -> list[str]:
        """Return the modules that ``from module import *`` takes all names of."""
        return [
            node.module
            for node in ast.walk(self.tree)
            if isinstance(node, ast.ImportFrom) and node.module and node.names[0].name == "*"
        ]

    def spelled(self, name: str) -> tuple[str, list[Rewrite]] | None:
        """Return how the script writes ``torch.nn.ModuleList``, with the import that it lacks."""
        known = {full: alias for alias, full in reversed(list(_imports(self.tree.body)))}
        parts = name.split(".")
        for count in range(len(parts), 0, -1):
            head = ".".join(parts[:count])
            if head in known:
                return ".".join([known[head], *parts[count:]]), []
        first = next((each for each in self.tree.body if not _must_lead(each)), None)
        return None if first is None else (name, [self.before(first, [f"import {parts[0]}"])])

    # ------------------------------------------------------------------ rewriting

    def passage(self, start: int, end: int, to: str) -> Rewrite:
        """Return the edit that writes `to` for some bytes."""
        expects = self._data[start:end].decode()
        place = Location(self.file, *self._place(start), *self._place(end))
        return Rewrite(place, expects, to)

    def _place(self, offset: int) -> tuple[int, int]:
        line = min(bisect_right(self._starts, offset), max(len(self._starts) - 1, 1))
        return line, offset - self._starts[line - 1]

    def replace(self, node: ast.AST, to: str) -> Rewrite:
        """Return the edit that writes `to` for a node."""
        return self.passage(*self.span(node), to)

    def grouped(self, node: ast.AST) -> str:
        """Return a node's source, in parentheses where it needs them."""
        return self.text(node) if isinstance(node, ATOMS) else f"({self.text(node)})"

    def insert(self, offset: int, text: str) -> Rewrite:
        """Return the edit that inserts a text."""
        return self.passage(offset, offset, text)

    def behind(self, node: ast.expr, suffix: str) -> list[Rewrite]:
        """Return the edits that put ``.method()`` behind an expression."""
        start, end = self.span(node)
        if isinstance(node, ATOMS):
            return [self.insert(end, suffix)]
        grouped = self._data[start - 1 : start] == b"(" and self._data[end : end + 1] == b")"
        if grouped and isinstance(self.parents[node], (ast.BinOp, ast.Attribute)):
            return [self.insert(end + 1, suffix)]
        return [self.insert(start, "("), self.insert(end, f"){suffix}")]

    def suffix(self, node: ast.AST, pattern: str, to: str = "") -> Rewrite | None:
        """Return the edit of a node's end where it matches `pattern`."""
        found = re.search(rf"(?:{pattern})\Z", self.text(node))
        end = self.span(node)[1]
        return self.passage(end - len(found[0].encode()), end, to) if found else None

    def indent(self, statement: ast.stmt) -> str:
        """Return what stands before a statement on its line."""
        start = self.span(statement)[0]
        return self._data[self._starts[statement.lineno - 1] : start].decode()

    def whole_lines(self, statement: ast.stmt) -> bool:
        """Return whether a statement shares its lines with no other."""
        rest = self._data[self.span(statement)[1] : self._after(statement)].decode()
        return (
            not self.indent(statement).strip() and re.fullmatch(r"\s*(#.*)?\s*", rest) is not None
        )

    def _after(self, statement: ast.stmt) -> int:
        return self._starts[statement.end_lineno or statement.lineno]

    def before(self, statement: ast.stmt, lines: Iterable[str]) -> Rewrite:
        """Return the edit that puts lines before a statement."""
        lines = list(lines)
        indent = self.indent(statement)
        start = self.span(statement)[0]
        if indent.strip():
            return self.insert(start, "".join(f"{line}; " for line in lines))
        return self.insert(start, "".join(f"{line}{self.newline}{indent}" for line in lines))

    def after(self, statement: ast.stmt, lines: Iterable[str]) -> Rewrite:
        """Return the edit that puts lines after a statement."""
        indent = self.indent(statement)
        if not self.whole_lines(statement):
            return self.insert(self.span(statement)[1], "".join(f"; {line}" for line in lines))
        end = self._after(statement)
        text = "".join(f"{indent}{line}{self.newline}" for line in lines)
        if end == len(self._data) and not self._data.endswith(b"\n"):
            return self.insert(end, self.newline + text.removesuffix(self.newline))
        return self.insert(end, text)

    def remove(self, statement: ast.stmt) -> Rewrite:
        """Return the edit that takes a statement away."""
        if len(self.block(statement)) == 1 or not self.whole_lines(statement):
            return self.replace(statement, "pass")
        start = self._starts[statement.lineno - 1]
        return self.passage(start, self._after(statement), "")

    def unwrap(self, statement: ast.With) -> Rewrite | None:
        """Return the edit that puts the body of a ``with`` in its place, None if it cannot."""
        first, last = statement.body[0], statement.body[-1]
        indent, inner = self.indent(statement), self.indent(first)
        texts = [n for n in ast.walk(statement) if isinstance(n, (ast.Constant, ast.JoinedStr))]
        if indent.strip() or not inner.startswith(indent) or inner.strip() or inner == indent:
            return None
        if any(isinstance(n, ast.stmt) is False and n.end_lineno != n.lineno for n in texts):
            return None  # a text over several lines
        start, end = self._starts[first.lineno - 1], self.span(last)[1]
        lines = self._data[start:end].decode().split("\n")
        body = [
            line.replace(inner, indent, 1) if line.startswith(inner) else line for line in lines
        ]
        return self.passage(self._starts[statement.lineno - 1], end, "\n".join(body))

    def set_argument(self, call: ast.Call, name: str, value: str, position: int) -> Rewrite | None:
        """Return the edit that gives an argument of a call a value.

        Args:
            call: The call.
            name: The argument's name.
            value: Its new value, as source.
            position: Its place among the positional arguments; -1 if it has none.

        Returns:
            None where the call does not write its arguments out.
        """
        if any(isinstance(argument, ast.Starred) for argument in call.args):
            return None
        if any(word.arg is None for word in call.keywords):
            return None
        for word in call.keywords:
            if word.arg == name:
                return self.replace(word.value, value)
        if 0 <= position < len(call.args):
            return self.replace(call.args[position], value)
        return self._add_argument(call, f"{name}={value}")

    def _add_argument(self, call: ast.Call, argument: str) -> Rewrite | None:
        """Return the edit that adds an argument behind the others."""
        given = [*call.args, *(word.value for word in call.keywords)]
        close = self.span(call)[1] - 1
        last = max((self.span(node)[1] for node in given), default=self.span(call.func)[1])
        tail = self._data[last:close].decode()
        if not given:
            return self.insert(close, argument) if tail.strip() == "(" else None
        if tail.strip() == "":
            return self.insert(last, f", {argument}")
        if tail.lstrip().startswith(","):
            comma = "," if "\n" in tail or "\r" in tail else ""
            behind = last + len(tail[: tail.index(",") + 1].encode())
            return self.insert(behind, f" {argument}{comma}")
        return None  # parentheses or a comment without a comma


@lru_cache(maxsize=16)
def _parsed(file: str, source: str) -> Script:
    return Script(file, source)


def _must_lead(statement: ast.stmt) -> bool:
    """Return whether a statement has to stay first: the docstring, ``from __future__``."""
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Constant)
    return isinstance(statement, ast.ImportFrom) and statement.module == "__future__"


def _imports(nodes: Iterable[ast.AST]) -> Iterator[tuple[str, str]]:
    """Yield the names that imports bind, with the full names of what they stand for."""
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                plain = alias.name.partition(".")[0]
                yield alias.asname or plain, alias.name if alias.asname else plain
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def dotted(node: ast.AST | None) -> str | None:
    """Return a name or a chain of attributes as text, None for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        owner = dotted(node.value)
        return None if owner is None else f"{owner}.{node.attr}"
    return None


def callee(call: ast.Call) -> str:
    """Return the last part of the name of what is called, "" if it is no name."""
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""


def inside(node: ast.AST, nodes: Iterable[ast.AST]) -> bool:
    """Return whether a node is one of `nodes` or within one."""
    return any(node is each for other in nodes for each in ast.walk(other))


def changes(what: str, edits: Iterable[Rewrite], layers: Iterable[str] = ()) -> list[Change]:
    """Return edits as changes that are described alike."""
    return [Change(what, edit, tuple(layers)) for edit in edits]
