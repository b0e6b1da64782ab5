"""Findings as SARIF 2.1.0, which code scanning services and editors read."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from unstuck import __version__, registry
from unstuck.findings import Finding, Location, Severity
from unstuck.report import Report, repository_path
from unstuck.report.json import as_data

__all__ = ["as_data_of", "render"]

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json"
LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}


def render(reports: Sequence[Report]) -> str:
    """Return reports as the text of one SARIF log with one run for each."""
    return json.dumps(as_data_of(reports), indent=2, allow_nan=False) + "\n"


def as_data_of(reports: Sequence[Report]) -> dict[str, Any]:
    """Return reports as one SARIF log; what SARIF has no place for is in `properties`."""
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [_run(report) for report in reports]}


def _run(report: Report) -> dict[str, Any]:
    rules = list(dict.fromkeys(finding.obstacle for finding in report.findings))
    data = as_data(report)
    kept = ("script", "framework", "steps", "record", "status", "verdict")
    return {
        "tool": {
            "driver": {
                "name": "unstuck",
                "version": __version__,
                "rules": [_rule(name) for name in rules],
            }
        },
        "results": [
            _result(finding, rules.index(finding.obstacle), shown, data["script"])
            for finding, shown in zip(report.findings, data["findings"], strict=True)
        ],
        "properties": {key: data[key] for key in kept if data.get(key) is not None},
    }


def _rule(name: str) -> dict[str, Any]:
    kind = registry.obstacle(name)
    doc = inspect.getdoc(kind) or ""
    return {
        "id": kind.code,
        "name": kind.__name__,
        "shortDescription": {"text": doc.partition("\n")[0]},
        "help": {"text": doc},
    }


def _result(
    finding: Finding, rule: int, shown: Mapping[str, Any], script: str | None
) -> dict[str, Any]:
    # Code scanning shows nothing that has no place: what concerns all of a script is at its top.
    place = finding.location or (Location(script, 1) if script else None)
    location: dict[str, Any] = {}
    if place is not None:
        region = {"startLine": place.line}
        if place.end_line is not None:
            region["endLine"] = place.end_line
        location["physicalLocation"] = {
            "artifactLocation": {"uri": _uri(place.file)},
            "region": region,
        }
    if finding.layers:
        location["logicalLocations"] = [
            {"fullyQualifiedName": name, "kind": "module"} for name in finding.layers
        ]
    said = ("evidence", "steps", "confidence", "first", "consequence_of", "remedies", "known_at")
    return {
        "ruleId": finding.code,
        "ruleIndex": rule,
        "level": LEVELS[finding.severity],
        "message": {"text": "\n".join([finding.message, *finding.notes])},
        "locations": [location] if location else [],
        "properties": {key: shown[key] for key in said if key in shown},
    }


def _uri(file: str) -> str:
    path = repository_path(file)
    return Path(path).as_uri() if Path(path).is_absolute() else quote(Path(path).as_posix())
