"""Which line of a script computes an operation that autograd only knows by name."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from unstuck.findings import Location

__all__ = ["line_of"]

_SPELLED = {"log1_p": ("log1p",), "div": ("div", "true_divide", "divide")}
_OPERATORS = {"div": ast.Div, "pow": ast.Pow}


def line_of(operation: str, file: str) -> Location | None:
    """Return where `file` computes `operation`, None unless exactly one place does.

    Args:
        operation: Name of an autograd operation, such as ``log`` or ``div``.
        file: Path of the script. Blocks under ``no_grad`` do not count, nor do divisions by and
            powers of plain numbers.
    """
    try:
        tree = ast.parse(Path(file).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return None
    places = [node for node in _graded(tree) if _computes(node, operation)]
    if len(places) != 1:
        return None
    node = places[0]
    return Location(file, node.lineno, node.col_offset, node.end_lineno, node.end_col_offset)


def _graded(tree: ast.AST) -> Iterator[ast.expr]:
    """Walk over the expressions outside of blocks without gradients."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.With) and any(
            isinstance(word, (ast.Name, ast.Attribute))
            and ast.unparse(word).endswith(("no_grad", "inference_mode"))
            for item in child.items
            for word in ast.walk(item.context_expr)
        ):
            continue
        if isinstance(child, ast.expr):
            yield child
        yield from _graded(child)


def _computes(node: ast.expr, operation: str) -> bool:
    if isinstance(node, ast.BinOp) and isinstance(node.op, _OPERATORS.get(operation, ())):
        # Of plain numbers no tensor operation is made that could fail.
        return not isinstance(node.right, ast.Constant)
    if isinstance(node, ast.Call):
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        home = getattr(getattr(node.func, "value", None), "id", "")
        return home not in ("math", "np", "numpy") and name.rstrip("_") in _SPELLED.get(
            operation, (operation,)
        )
    return False
