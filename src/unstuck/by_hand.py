"""What a person can do where no patch is proven: each remedy with its line and what to change."""

from __future__ import annotations

from collections.abc import Iterable

from unstuck import registry
from unstuck.findings import Applicability, Finding
from unstuck.report import shown_path
from unstuck.signals import Run

__all__ = ["advice"]


def advice(run: Run, finding: Finding, declined: Iterable[str]) -> list[str]:
    """Return a line for each remedy of a finding that unstuck cannot apply to this run.

    Args:
        run: The untreated run.
        finding: Its first diagnosis.
        declined: Names of the remedies that were tried and had no effect.
    """
    refused = set(declined)
    lines = []
    for hint in finding.remedies:
        kind = registry.remedies().get(hint.name)
        if kind is None:
            continue
        remedy = kind()
        settings = remedy.settings(run, finding)
        if kind.applicability is Applicability.DISPLAY or hint.name in refused or not settings:
            place = remedy.place(run) or finding.location
            where = f"{shown_path(place.file)}:{place.line}: " if place is not None else ""
            text = remedy.display(run, settings[0] if settings else {})
            lines.append(f"by hand: {hint.name}: {where}{text}")
    return lines
