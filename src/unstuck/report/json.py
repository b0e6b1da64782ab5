"""Schema 1: what all other formats are renderings of."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from unstuck import __version__
from unstuck.findings import Finding
from unstuck.report import Report, shown_path

__all__ = ["as_data", "render"]

SCHEMA = 1


def as_data(report: Report) -> dict[str, Any]:
    """Return a report as schema 1."""
    facts = report.recording.facts
    data: dict[str, Any] = {
        "schema": SCHEMA,
        "unstuck": __version__,
        "script": facts.get("script"),
        "framework": facts.get("framework"),
        "steps": report.steps,
        "record": report.recording.path,
        "status": facts.get("status"),
        "findings": [_finding(finding) for finding in report.findings],
    }
    if (log := facts.get("log")) is not None:
        data["log"] = {"unit": log["unit"], "signals": log["signals"], "unjudged": report.unjudged}
    if report.verdict is not None:
        data["trials"] = [dict(trial) for trial in report.trials]
        data["verdict"] = dict(report.verdict.to_json())
    return data


def _finding(finding: Finding) -> dict[str, Any]:
    place = finding.location
    if place is not None:
        finding = finding.with_(location=replace(place, file=shown_path(place.file)))
    return finding.to_json()


def render(report: Report) -> str:
    """Return a report as JSON text, strictly valid: no NaN, no infinity."""
    return json.dumps(as_data(report), indent=2, allow_nan=False) + "\n"
