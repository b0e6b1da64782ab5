"""Where a script cuts its rows into training and validation, and how to shuffle them before.

Understood are pairs of slices of two or more names that are cut alike (``x[:n], x[n:]``),
``train_test_split(shuffle=False)`` and subsets over ranges.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from unstuck.edits import Rewrite
from unstuck.sources.batches import Script, argument, called, dotted, loaded, set_argument
from unstuck.sources.slices import tensor

__all__ = ["shuffled_split"]


def shuffled_split(script: Script) -> list[Rewrite | None]:
    """Return the edits that shuffle rows before they are split; nothing if that is not certain."""
    found = [edits for edits in (_function(script), _subsets(script), _slices(script)) if edits]
    return found[0] if len(found) == 1 else []


def _function(script: Script) -> list[Rewrite | None]:
    """Return the edits for ``train_test_split(..., shuffle=False)``."""
    edits: list[Rewrite | None] = []
    for node in ast.walk(script.tree):
        if isinstance(node, ast.Call) and called(node) == "train_test_split":
            held = argument(node, "shuffle", ())
            if isinstance(held, ast.Constant) and held.value is False:
                edits.append(set_argument(script, node, "shuffle", "True"))
    return edits


def _blocks(script: Script) -> Iterator[list[ast.stmt]]:
    kinds = (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(script.tree):
        if isinstance(node, kinds):
            yield node.body
            for inner in node.body:
                if isinstance(inner, (ast.If, ast.With)):
                    yield inner.body


def _subsets(script: Script) -> list[Rewrite | None]:
    """Return the edits for ``Subset(data, range(n))``."""
    for block in _blocks(script):
        cuts: list[tuple[ast.stmt, str, ast.Call]] = []
        for statement in block:
            if isinstance(statement, (ast.FunctionDef, ast.ClassDef, ast.For, ast.While)):
                continue
            for node in ast.walk(statement):
                if called(node) == "Subset" and isinstance(node, ast.Call) and len(node.args) == 2:
                    rows = node.args[1]
                    if called(rows) == "list" and isinstance(rows, ast.Call) and rows.args:
                        rows = rows.args[0]
                    if called(rows) == "range" and isinstance(rows, ast.Call):
                        cuts.append((statement, script.text(node.args[0]), rows))
        names = {name for _, name, _ in cuts}
        if len(cuts) < 2 or len(names) != 1 or any(len(rows.args) > 2 for *_, rows in cuts):
            continue
        torch, edits = script.torch()
        order = script.unused("order", "shuffled", "row_order")
        draw = f"{order} = {torch}.randperm(len({names.pop()})).tolist()"
        held: list[Rewrite | None] = [*edits, script.insert(cuts[0][0], [draw])]
        for *_, rows in cuts:
            ends = [script.text(end) for end in rows.args]
            bounds = ":".join(ends) if len(ends) == 2 else f":{ends[0]}"
            held.append(script.replace(rows, f"{order}[{bounds}]"))
        return held
    return []


def _slices(script: Script) -> list[Rewrite | None]:
    """Return the edits that shuffle names together before they are cut alike."""
    candidates: list[list[Rewrite | None]] = []
    for block in _blocks(script):
        cuts: dict[str, dict[str, ast.stmt]] = {}
        for statement in block:
            for name, bounds in _cuts(script, statement):
                cuts.setdefault(name, {}).setdefault(bounds, statement)
        alike: dict[tuple[str, ...], list[str]] = {}
        for name, slices in cuts.items():
            if len(slices) > 1 and any(text.startswith(":") for text in slices):
                alike.setdefault(tuple(sorted(slices)), []).append(name)
        groups = [names for names in alike.values() if len(names) > 1]
        if not groups:
            continue
        if len(groups) > 1:
            return []
        names = groups[0]
        first = min(
            (place for name in names for place in cuts[name].values()), key=lambda s: s.lineno
        )
        candidates.append(_together(script, first, names))
    return candidates[0] if len(candidates) == 1 else []


def _cuts(script: Script, statement: ast.stmt) -> Iterator[tuple[str, str]]:
    """Yield the names that an assignment slices by rows, and the bounds."""
    if not isinstance(statement, ast.Assign):
        return
    for node in ast.walk(statement.value):
        if not isinstance(node, ast.Subscript) or not dotted(node.value):
            continue
        index = node.slice.elts[0] if isinstance(node.slice, ast.Tuple) else node.slice
        if isinstance(index, ast.Slice) and index.step is None:
            if isinstance(node.slice, ast.Tuple) and not index.lower and not index.upper:
                continue
            if loaded(index) or index.lower or index.upper:
                yield dotted(node.value), script.text(index).replace(" ", "")


def _together(script: Script, first: ast.stmt, names: list[str]) -> list[Rewrite | None]:
    torch, edits = script.torch()
    order = script.unused("order", "shuffled", "row_order")
    draw = f"{order} = {torch}.randperm(len({names[0]}))"
    if not all(tensor(script, name) for name in names):
        draw += ".numpy()"
    shuffled = ", ".join(f"{name}[{order}]" for name in names)
    return [*edits, script.insert(first, [draw, f"{', '.join(names)} = {shuffled}"])]
