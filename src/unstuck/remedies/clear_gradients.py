"""The remedy clear-gradients."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator, Sequence

from unstuck.findings import Finding
from unstuck.remedies import Change, Remedy, Settings
from unstuck.signals import Run
from unstuck.sources.script import Script

__all__ = ["ClearGradients"]


class ClearGradients(Remedy):
    """Forget the gradients after an update that the script writes out itself.

    What it does:
        Behind ``w -= rate * w.grad``, and whatever follows it with ``w.grad``, comes
        ``w.grad.zero_()``.

    When it helps:
        `backward` adds to the gradients that are there. Unless they are cleared, every step uses
        the sum over all batches so far.

    Settings:
        None.

    Limits:
        For trainings without an optimizer; with one, zero-gradients does it. The update has to
        change the parameter in place and to name its gradient in the same statement.

    References:
        PyTorch tutorial, Learning PyTorch with Examples.
    """

    stage = "source"

    def settings(self, run: Run, finding: Finding) -> Sequence[Settings]:
        """Return nothing to set, or that there is an optimizer."""
        return ({},) if run.optimizer.by_hand else ()

    def rewrite(self, run: Run, settings: Settings) -> Sequence[Change]:
        """Insert the lines; see `Remedy.rewrite`."""
        location = run.loss_function.location
        if location is None or not run.optimizer.by_hand:
            return []
        script = Script.read(location)
        return list(_cleared(script)) if script is not None else []


def _cleared(script: Script) -> Iterator[Change]:
    for node in ast.walk(script.tree):
        for field in ("body", "orelse", "finalbody"):
            block = getattr(node, field, None)
            if isinstance(block, list):
                yield from _cleared_in(script, block)


def _cleared_in(script: Script, block: Sequence[ast.stmt]) -> Iterator[Change]:
    done: set[str] = set()
    for index, statement in enumerate(block):
        name = _updated(statement)
        if name is None or name in done:
            continue
        done.add(name)
        users = [later for later in block[index:] if _uses(later, name)]
        if any(_clears(later, name) for later in users):
            continue
        what = f"{os.path.basename(script.file)}:{statement.lineno}: {name}.grad set to zero"
        yield Change(what, script.after(users[-1], [f"{name}.grad.zero_()"]))


def _updated(statement: ast.stmt) -> str | None:
    """Return the parameter that a statement changes in place by means of its own gradient."""
    target: ast.expr | None = None
    if isinstance(statement, ast.AugAssign):
        target = statement.target
    elif isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target = statement.targets[0]
        if not isinstance(target, ast.Attribute) or target.attr != "data":
            return None  # a new tensor, whose gradient is new too
    elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        method = statement.value.func
        if isinstance(method, ast.Attribute) and method.attr.endswith("_"):
            target = method.value
    if isinstance(target, ast.Attribute) and target.attr == "data":
        target = target.value
    if target is None or any(isinstance(node, ast.Call) for node in ast.walk(target)):
        return None
    name = ast.unparse(target)
    return name if _uses(statement, name) else None


def _uses(statement: ast.stmt, name: str) -> bool:
    return any(
        isinstance(node, ast.Attribute) and node.attr == "grad" and ast.unparse(node.value) == name
        for node in ast.walk(statement)
    )


def _clears(statement: ast.stmt, name: str) -> bool:
    text = ast.unparse(statement)
    return text.endswith("zero_()") or text == f"{name}.grad = None"
