"""Runs small scripts before and after a remedy of the stage "source"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from treating import recorded
from unstuck import registry
from unstuck.findings import Finding, Severity
from unstuck.patch import apply_edits
from unstuck.signals import Run

DATA = """\
import torch
from torch import nn
import torch.nn.functional as F
from sklearn.datasets import load_iris

torch.manual_seed(0)
x, y = load_iris(return_X_y=True)
x = torch.tensor((x - x.mean(0)) / x.std(0), dtype=torch.float32)
y = torch.tensor(y)
"""
"""The iris data, standardized, 150 rows."""


def written(tmp_path: Path, body: str, data: str = DATA) -> Path:
    """Write a script."""
    path = tmp_path / "train.py"
    path.write_text(data + body)
    return path


def watched(path: Path) -> Run:
    """Run a script watched; return its longest training."""
    return max(recorded(path).runs, key=lambda run: run.steps)


def rewritten(
    path: Path, run: Run, remedy: str, settings: Mapping[str, float] | None = None
) -> str | None:
    """Return the script as a remedy rewrites it, None if it declines."""
    changes = registry.remedy(remedy)().rewrite(run, settings or {})
    if not changes:
        return None
    edits = [change.edit for change in changes]
    assert all(edit is not None for edit in edits)
    patched = apply_edits(path.read_text(), [e for e in edits if e is not None], str(path))
    assert not patched.skipped, patched.skipped
    return patched.source


def replaced(source: str, *pairs: tuple[str, str]) -> str:
    """Return a text with passages replaced, each of which stands there once."""
    for old, new in pairs:
        assert source.count(old) == 1, (source.count(old), old)
        source = source.replace(old, new)
    return source


def finding(obstacle: str, evidence: Mapping[str, Any] | None = None) -> Finding:
    """Return a finding of an obstacle with some evidence."""
    kind = registry.obstacle(obstacle)
    made = Finding(kind.name(), kind.code, Severity.ERROR, "So it is.")
    return replace(made, evidence=dict(evidence or {}))


def found(run: Run, obstacle: str) -> bool:
    """Return whether a run shows an obstacle."""
    return any(True for _ in registry.obstacle(obstacle)().check(run))
