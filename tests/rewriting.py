"""Runs a script, lets a remedy of the stage "source" rewrite it, and runs the result."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from treating import patch, recorded
from unstuck import registry
from unstuck.findings import Finding, Severity
from unstuck.signals import Run

FINDING = Finding("premature-decay", "U808", Severity.ERROR, "It is gone.")


def watched(tmp_path: Path, source: str) -> tuple[Path, Run]:
    """Write a script, run it watched; return its path and its first training."""
    path = tmp_path / "train.py"
    path.write_bytes(source.encode())
    return path, recorded(path).runs[0]


def rewritten(
    path: Path, run: Run, name: str, settings: Mapping[str, float] | None = None
) -> str | None:
    """Return the script as a remedy rewrites it, None where it declines."""
    remedy = registry.remedy(name)()
    if settings is None:
        ranked = remedy.settings(run, FINDING)
        if not ranked:
            return None
        settings = ranked[0]
    changes = tuple(remedy.rewrite(run, settings))
    return patch(path, changes) if changes else None


def changed(before: str, after: str) -> list[tuple[str, str]]:
    """Return the lines that differ, in pairs; both sources have as many lines."""
    old, new = before.split("\n"), after.split("\n")
    assert len(old) == len(new)
    return [(a, b) for a, b in zip(old, new, strict=True) if a != b]
