"""Finds what stops a neural network from training, fixes it, and proves the fix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

__all__ = [
    "Finding",
    "Obstacle",
    "Remedy",
    "Run",
    "__version__",
    "compare",
    "diagnose",
    "fix",
    "watch",
]

if TYPE_CHECKING:
    from unstuck.diagnosis import diagnose
    from unstuck.findings import Finding
    from unstuck.notebook import compare, fix, watch
    from unstuck.obstacles import Obstacle
    from unstuck.remedies import Remedy
    from unstuck.signals import Run

_HOMES = {
    "Finding": "unstuck.findings",
    "Obstacle": "unstuck.obstacles",
    "Remedy": "unstuck.remedies",
    "Run": "unstuck.signals",
    "compare": "unstuck.notebook",
    "diagnose": "unstuck.diagnosis",
    "fix": "unstuck.notebook",
    "watch": "unstuck.notebook",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: ``import unstuck`` itself costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'unstuck' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)
