"""Rows of which a mask leaves nothing: a softmax over nothing, the mean of nothing."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from unstuck.findings import Location
from unstuck.remedies import Change
from unstuck.sources.numbers import literal
from unstuck.sources.operations import graded
from unstuck.sources.script import Script, callee, changes, dotted

__all__ = ["unemptied"]

_OVER = frozenset({"softmax", "log_softmax", "masked_fill", "where", "logsumexp", "add", "exp"})
"""Operations that put out NaN or infinity where every entry of a row is minus infinity."""
_LARGEST = ("max", "amax", "topk", "maximum")
_IGNORING = (
    *("key_padding_mask", "src_key_padding_mask"),
    *("tgt_key_padding_mask", "memory_key_padding_mask"),
)
"""Arguments of torch's attention: true where a key is to be ignored."""
_GATHERING = frozenset(
    {"stack", "cat", "mean", "sum", "add", "div", "mul", "addmm", "mm", "linear"}
)


def unemptied(
    script: Script, operation: str, backward: Location | None, *, half: bool
) -> list[Change]:
    """Return the changes after which rows that are masked entirely have finite values.

    Minus infinity in a mask becomes a number whose exponential is zero all the same, so a row of
    nothing else gets equal weights; attention ignores no row as a whole; the mean of a selection
    is 0 where nothing is selected.

    Args:
        script: A file of the script.
        operation: Autograd's name of what put out the first value that is not finite.
        backward: The call of ``backward``, if it is in this file.
        half: Whether the numbers are in half precision.
    """
    nodes = list(graded(script, backward))
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    found: list[Change] = []
    if operation in _OVER:
        found += _padded(script, calls)
        if not any(callee(call) in _LARGEST for call in calls):
            number = "-1e4" if half else "-1e9"
            endless = [n for n in nodes if _minus_infinity(script, n) and script.editable(n)]
            for node in endless:
                what = f"line {node.lineno}: {number} in place of minus infinity"
                found += changes(what, [script.replace(node, number)])
    if not found and operation in _GATHERING:
        for call in calls:
            if _mean_of_selection(script, call) and script.editable(call):
                what = f"line {call.lineno}: the mean of nothing is 0"
                edit = script.insert(script.span(call)[1], ".nan_to_num()")
                found += changes(what, [edit])
    return found


def _minus_infinity(script: Script, node: ast.expr) -> bool:
    """Return whether an expression is ``float("-inf")``, ``-math.inf`` or the like."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return _infinity(script, node.operand) == "inf"
    return _infinity(script, node) == "-inf" or script.full_name(node) == "numpy.NINF"


def _infinity(script: Script, node: ast.expr) -> str | None:
    if isinstance(node, (ast.Name, ast.Attribute)):
        known = ("torch.inf", "math.inf", "numpy.inf")
        return "inf" if script.full_name(node) in known else None
    if not isinstance(node, ast.Call) or dotted(node.func) != "float" or len(node.args) != 1:
        return None
    text: Any = node.args[0].value if isinstance(node.args[0], ast.Constant) else ""
    return str(text).lower().replace("infinity", "inf").removeprefix("+")


def _padded(script: Script, calls: list[ast.Call]) -> Iterator[Change]:
    """Yield the changes that let attention see a row of which everything is to be ignored."""
    for call in calls:
        for word in call.keywords:
            plain = isinstance(word.value, (ast.Name, ast.Attribute, ast.UnaryOp))
            if word.arg not in _IGNORING or not plain or not script.editable(word.value):
                continue
            text = script.text(word.value)
            whole = f"({text})" if isinstance(word.value, ast.UnaryOp) else text
            to = f"{text} & ~{whole}.all(1, keepdim=True)"
            what = f"line {word.value.lineno}: a row is not ignored entirely"
            yield from changes(what, [script.replace(word.value, to)])


def _mean_of_selection(script: Script, call: ast.Call) -> bool:
    """Return whether a call is the mean of what a mask selects."""
    if callee(call) != "mean" or not isinstance(call.func, ast.Attribute):
        return False
    named = script.full_name(call.func) == "torch.mean" and call.args
    given = call.args[0] if named else call.func.value
    if isinstance(given, ast.Call):
        return callee(given) == "masked_select"
    if not isinstance(given, ast.Subscript):
        return False
    parts = given.slice.elts if isinstance(given.slice, ast.Tuple) else [given.slice]
    masks = (ast.Name, ast.Attribute, ast.Subscript, ast.Compare, ast.UnaryOp, ast.Call)
    return any(isinstance(each, masks) and literal(each) is None for each in parts)
