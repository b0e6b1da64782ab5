"""Runs small scripts before and after a remedy of the stage "source" rewrites them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from treating import patch, recorded
from unstuck import registry
from unstuck.findings import Finding, Severity
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
FINDING = Finding("premature-decay", "U808", Severity.ERROR, "It is gone.")


def written(tmp_path: Path, body: str, data: str = DATA) -> Path:
    """Write a script."""
    path = tmp_path / "train.py"
    path.write_bytes((data + body).encode())
    return path


def watched(path: Path) -> Run:
    """Run a script watched; return its longest training."""
    return max(recorded(path).runs, key=lambda run: run.steps)


def rewritten(
    path: Path, run: Run, name: str, settings: Mapping[str, float] | None = None
) -> str | None:
    """Return the script as a remedy rewrites it, None where it declines.

    Without `settings`, with the first that the remedy would try.
    """
    remedy = registry.remedy(name)()
    ranked = remedy.settings(run, FINDING) if settings is None else [settings]
    changes = tuple(remedy.rewrite(run, ranked[0])) if ranked else ()
    assert all(change.edit is not None for change in changes)
    return patch(path, changes) if changes else None


def replaced(source: str, *pairs: tuple[str, str]) -> str:
    """Return a text with passages replaced, each of which stands there once."""
    for old, new in pairs:
        assert source.count(old) == 1, (source.count(old), old)
        source = source.replace(old, new)
    return source


def changed(before: str, after: str) -> list[tuple[str, str]]:
    """Return the lines that differ, in pairs; both sources have as many lines."""
    old, new = before.split("\n"), after.split("\n")
    assert len(old) == len(new)
    return [(a, b) for a, b in zip(old, new, strict=True) if a != b]


def finding(obstacle: str, evidence: Mapping[str, Any] | None = None) -> Finding:
    """Return a finding of an obstacle with some evidence."""
    kind = registry.obstacle(obstacle)
    made = Finding(kind.name(), kind.code, Severity.ERROR, "So it is.")
    return replace(made, evidence=dict(evidence or {}))


def found(run: Run, obstacle: str) -> bool:
    """Return whether a run shows an obstacle."""
    return any(True for _ in registry.obstacle(obstacle)().check(run))
