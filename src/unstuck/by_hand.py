"""What a person can do where no patch is proven: each remedy with its line and what to change."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from unstuck import registry
from unstuck.findings import Applicability, Finding
from unstuck.remedies import Change
from unstuck.report import shown_path
from unstuck.signals import Run

__all__ = ["advice"]


def advice(
    run: Run, finding: Finding, declined: Iterable[str], unproven: Iterable[str] = ()
) -> list[str]:
    """Return a line for each remedy of a finding that unstuck cannot apply to this run.

    Args:
        run: The untreated run.
        finding: Its first diagnosis.
        declined: Names of the remedies that were tried and had no effect.
        unproven: Names of those that rewrote the script, without a proof that it helps: what they
            rewrote is said.
    """
    refused, doubtful = set(declined), set(unproven)
    lines = []
    for hint in finding.remedies:
        kind = registry.remedies().get(hint.name)
        if kind is None:
            continue
        remedy = kind()
        settings = remedy.settings(run, finding)
        rewrites = kind.stage == "source" and settings and hint.name in doubtful - refused
        made = remedy.rewrite(run, settings[0]) if rewrites else ()
        if made:
            lines.append(f"not proven: {hint.name}: {_said(made)}")
            continue
        if kind.applicability is Applicability.DISPLAY or hint.name in refused or not settings:
            place = remedy.place(run) or finding.location
            where = f"{shown_path(place.file)}:{place.line}: " if place is not None else ""
            text = remedy.display(run, settings[0] if settings else {})
            lines.append(f"by hand: {hint.name}: {where}{text}")
    return lines


def _said(made: Sequence[Change]) -> str:
    """Return what some changes rewrite, with the place of each."""
    said: dict[str, str] = {}
    for change in made:
        place = change.edit.location if change.edit is not None else None
        where = f"{shown_path(place.file)}:{place.line}: " if place is not None else ""
        said.setdefault(change.what, where)
    return "; ".join(f"{where}{what}" for what, where in said.items())
