"""Where a script asks for half precision."""

from __future__ import annotations

import ast

from unstuck.edits import Rewrite
from unstuck.remedies import Change
from unstuck.sources.script import Script, callee

__all__ = ["widened"]

_WIDER = {
    "torch.float16": "torch.float32",
    "torch.half": "torch.float32",
    "torch.HalfTensor": "torch.FloatTensor",
    "numpy.float16": "numpy.float32",
    "numpy.half": "numpy.float32",
}


def widened(script: Script) -> list[Change]:
    """Return the changes to single precision, except where autocast chooses for itself."""
    found: list[Change] = []
    for node in ast.walk(script.tree):
        if not script.editable(node) or _in_autocast(script, node):
            continue
        if (
            isinstance(node, ast.Call)
            and callee(node) == "half"
            and not (node.args + node.keywords)
        ):
            edit = script.suffix(node, r"half\(\s*\)", "float()")
            found += [Change("half() -> float()", edit)] if edit is not None else []
        elif isinstance(node, (ast.Attribute, ast.Name)) and isinstance(node.ctx, ast.Load):
            wider = _WIDER.get(script.full_name(node))
            spelled = script.spelled(wider) if wider is not None else None
            if spelled is not None and wider is not None:
                what = f"{script.text(node)} -> {wider}"
                edits: list[Rewrite] = [*spelled[1], script.replace(node, spelled[0])]
                found += [Change(what, each) for each in edits]
    return found


def _in_autocast(script: Script, node: ast.AST) -> bool:
    return any(isinstance(a, ast.Call) and "autocast" in callee(a) for a in script.around(node))
