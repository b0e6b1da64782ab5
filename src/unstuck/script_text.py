"""A script as text and syntax, for remedies that rewrite passages of it.

Only reads: `Rewrite` edits come out, `unstuck.patch` carries them out. Every span is exact, counted
in UTF-8 bytes as the interpreter does, so what is not rewritten stays byte for byte.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import lru_cache

from unstuck.edits import Rewrite
from unstuck.findings import Location
from unstuck.patch import read_source

__all__ = ["Script"]

_LINE = re.compile(r"[^\r\n]*(?:\r\n?|\n)|[^\r\n]+")


class Script:
    """One source file of the user's.

    Attributes:
        file: Its path, as the run recorded it.
        source: Its text.
        tree: Its syntax.
        aliases: Name at the file's top level -> full name of what was imported under it.
    """

    def __init__(self, file: str, source: str) -> None:
        self.file = file
        self.source = source
        self.tree = ast.parse(source)
        self._data = source.encode()
        self._starts = [0]
        for line in _LINE.findall(source):
            self._starts.append(self._starts[-1] + len(line.encode()))
        self._parents = {
            child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)
        }
        self.aliases = dict(_imports(self.tree, deep=False))
        self._all_aliases = dict(_imports(self.tree, deep=True))

    @classmethod
    def read(cls, location: Location | None) -> Script | None:
        """Return the file of a location, or None where it cannot be read as Python."""
        if location is None:
            return None
        try:
            source, _ = read_source(location.file)
            return _parsed(location.file, source)
        except (OSError, ValueError, SyntaxError, RecursionError):
            return None

    def parent(self, node: ast.AST) -> ast.AST | None:
        """Return the node directly around `node`."""
        return self._parents.get(node)

    def around(self, node: ast.AST) -> Iterator[ast.AST]:
        """Yield the nodes around `node`, the innermost first."""
        parent = self._parents.get(node)
        while parent is not None:
            yield parent
            parent = self._parents.get(parent)

    def statement(self, node: ast.AST) -> ast.stmt | None:
        """Return the statement that `node` is or belongs to."""
        chain = (node, *self.around(node))
        return next((other for other in chain if isinstance(other, ast.stmt)), None)

    def call_at(self, location: Location | None) -> ast.Call | None:
        """Return the call whose span is exactly `location`, or None."""
        if location is None or location.column is None:
            return None
        span = (location.line, location.column, location.end_line, location.end_column)
        return next(
            (
                node
                for node in ast.walk(self.tree)
                if isinstance(node, ast.Call)
                and (node.lineno, node.col_offset, node.end_lineno, node.end_col_offset) == span
            ),
            None,
        )

    def full_name(self, node: ast.AST) -> str:
        """Return the full name that an expression stands for: ``torch.nn.CrossEntropyLoss``.

        Imports are followed; "" if it is no dotted name.
        """
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return ""
        return ".".join([self._all_aliases.get(node.id, node.id), *reversed(parts)])

    def spelled(self, name: str) -> str | None:
        """Return how the file's imports spell a full name, None if they do not hold it."""
        head, rest = name, ""
        while head:
            for alias, meant in self.aliases.items():
                if meant == head:
                    return alias + rest
            head, dot, last = head.rpartition(".")
            rest = f"{dot}{last}{rest}"
        return None

    # ------------------------------------------------------------------ spans and edits

    def text(self, node: ast.AST) -> str:
        """Return the source of a node."""
        start, end = self._span(node)
        return self._data[start:end].decode()

    def offset(self, node: ast.AST) -> int:
        """Return where a node begins, in bytes of UTF-8 from the start of the file."""
        return self._span(node)[0]

    def location(self, node: ast.AST) -> Location:
        """Return the span of a node."""
        assert isinstance(node, ast.expr | ast.stmt)
        return Location(
            self.file, node.lineno, node.col_offset, node.end_lineno, node.end_col_offset
        )

    def replace(self, node: ast.AST, to: str) -> Rewrite:
        """Return the edit that writes `to` for a node."""
        return Rewrite(self.location(node), self.text(node), to)

    def insert(self, offset: int, text: str) -> Rewrite:
        """Return the edit that inserts `text` at a byte offset of the file."""
        line = next(i for i, start in enumerate(self._starts) if start > offset or i == self._last)
        line = line if self._starts[line] <= offset else line - 1
        column = offset - self._starts[line]
        return Rewrite(Location(self.file, line + 1, column, line + 1, column), "", text)

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

    def import_torch(self) -> Rewrite | None:
        """Return the edit that imports torch, None where the file already does."""
        if self.spelled("torch") is not None:
            return None
        for statement in self.tree.body:
            text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
            future = isinstance(statement, ast.ImportFrom) and statement.module == "__future__"
            if not (text or future):
                newline = "\r\n" if "\r\n" in self.source else "\n"
                return self.insert(self._starts[statement.lineno - 1], f"import torch{newline}")
        return None

    @property
    def _last(self) -> int:
        return len(self._starts) - 1

    def _span(self, node: ast.AST) -> tuple[int, int]:
        place = self.location(node)
        assert place.column is not None
        assert place.end_line is not None
        assert place.end_column is not None
        start = self._starts[place.line - 1] + place.column
        return start, self._starts[place.end_line - 1] + place.end_column

    def _add_argument(self, call: ast.Call, argument: str) -> Rewrite | None:
        """Return the edit that adds an argument behind the others."""
        given = [*call.args, *(word.value for word in call.keywords)]
        close = self._span(call)[1] - 1
        last = max((self._span(node)[1] for node in given), default=self._span(call.func)[1])
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


def _imports(tree: ast.Module, *, deep: bool) -> Iterator[tuple[str, str]]:
    """Yield the names that imports bind, with the full names of what they stand for."""
    for node in ast.walk(tree) if deep else tree.body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.asname:
                    yield alias.asname, alias.name
                else:
                    first = alias.name.partition(".")[0]
                    yield first, first
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"
