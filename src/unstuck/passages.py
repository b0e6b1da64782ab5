"""Passages of a script: the syntax node at a recorded span, and rewrites around it.

For remedies of the stage "source". Columns count UTF-8 bytes, as in `Location`.
"""

from __future__ import annotations

import ast
import tokenize
from functools import lru_cache
from typing import TypeVar

from unstuck.edits import Rewrite
from unstuck.findings import Location

__all__ = ["Passages", "dotted", "is_atom", "passages"]

_Node = TypeVar("_Node", bound=ast.AST)
_ATOMS = (ast.Name, ast.Attribute, ast.Subscript, ast.Call)


class Passages:
    """A script's syntax tree, and what stands where.

    Args:
        file: Path of the script.
        text: Its source.
    """

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.text = text
        self.tree = ast.parse(text)
        self._lines = text.split("\n")
        self.parents = {
            child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)
        }

    def at(self, location: Location, kind: type[_Node]) -> _Node | None:
        """Return the node of a kind that spans exactly `location`, or None."""
        for node in ast.walk(self.tree):
            if isinstance(node, kind) and self.location(node) == location:
                return node
        return None

    def location(self, node: ast.AST) -> Location | None:
        """Return the span of a node."""
        line = getattr(node, "lineno", None)
        if line is None:
            return None
        return Location(
            self.file,
            line,
            getattr(node, "col_offset", None),
            getattr(node, "end_lineno", None),
            getattr(node, "end_col_offset", None),
        )

    def source(self, node: ast.AST) -> str:
        """Return a node's own text."""
        return ast.get_source_segment(self.text, node) or ast.unparse(node)

    def before(self, node: ast.expr | ast.stmt, text: str) -> Rewrite:
        """Return the insertion of a text right before a node."""
        return Rewrite(
            Location(self.file, node.lineno, node.col_offset, node.lineno, node.col_offset),
            "",
            text,
        )

    def after(self, node: ast.expr | ast.stmt, text: str) -> Rewrite:
        """Return the insertion of a text right behind a node."""
        assert node.end_lineno is not None
        line, column = node.end_lineno, node.end_col_offset
        return Rewrite(Location(self.file, line, column, line, column), "", text)

    def behind(self, node: ast.expr, suffix: str) -> list[Rewrite]:
        """Return the rewrites that put ``.method()`` behind an expression."""
        if is_atom(node):
            return [self.after(node, suffix)]
        return [self.before(node, "("), self.after(node, f"){suffix}")]

    def statement_after(self, statement: ast.stmt, text: str) -> Rewrite:
        """Return the insertion of another statement behind one, on a line of its own if it can."""
        indent = self.indentation(statement)
        if indent is None or not self.ends_line(statement):
            return self.after(statement, f"; {text}")
        line = statement.end_lineno or statement.lineno
        end = len(self._lines[line - 1].encode())
        return Rewrite(Location(self.file, line, end, line, end), "", f"\n{indent}{text}")

    def indentation(self, statement: ast.stmt) -> str | None:
        """Return what stands before a statement, None if that is more than white space."""
        line = self._lines[statement.lineno - 1]
        head = line.encode()[: statement.col_offset].decode()
        return None if head.strip() else head

    def ends_line(self, statement: ast.stmt) -> bool:
        """Return whether nothing but a comment follows a statement on its last line."""
        assert statement.end_lineno is not None
        line = self._lines[statement.end_lineno - 1].encode()
        rest = line[statement.end_col_offset :].decode().strip()
        return not rest or rest.startswith("#")


@lru_cache(maxsize=16)
def _read(file: str, text: str) -> Passages | None:
    try:
        return Passages(file, text)
    except (SyntaxError, ValueError, RecursionError):
        return None


def passages(file: str) -> Passages | None:
    """Return the passages of a file, None where it cannot be read or is not Python."""
    try:
        with tokenize.open(file) as stream:
            text = stream.read()
    except (OSError, SyntaxError, UnicodeDecodeError):
        return None
    return _read(file, text)


def is_atom(node: ast.expr) -> bool:
    """Return whether ``.method()`` may follow an expression as it stands."""
    return isinstance(node, _ATOMS)


def dotted(node: ast.AST | None) -> str | None:
    """Return ``a.b.c`` for a name or a chain of attributes, None for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        owner = dotted(node.value)
        return f"{owner}.{node.attr}" if owner else None
    return None
