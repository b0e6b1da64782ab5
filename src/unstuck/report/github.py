"""Findings as workflow commands: GitHub shows them at the lines of the script."""

from __future__ import annotations

from collections.abc import Iterator

from unstuck.findings import Finding, Severity
from unstuck.report import Report, harmless, repository_path

__all__ = ["render"]

LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


def render(report: Report) -> str:
    """Return a line for each finding that the text report shows, and one for the verdict.

    Source: docs.github.com, "Workflow commands for GitHub Actions"; escaped as `command.ts` of
    actions/toolkit does.
    """
    return "".join(f"{line}\n" for line in _lines(report))


def _lines(report: Report) -> Iterator[str]:
    for finding in report.findings:
        if report.verbose or not (finding.consequence_of or finding.severity is Severity.INFO):
            yield _finding(finding)
    verdict = report.verdict
    if verdict is not None:
        notes = [*verdict.changes, *verdict.notes]
        said = " + ".join(verdict.remedies) or verdict.status
        yield _command("notice", {"title": f"unstuck: {verdict.status}"}, "\n".join([said, *notes]))


def _finding(finding: Finding) -> str:
    properties = {}
    if (place := finding.location) is not None:
        properties["file"] = repository_path(place.file)
        properties["line"] = str(place.line)
        if place.end_line is not None:
            properties["endLine"] = str(place.end_line)
    properties["title"] = f"{finding.code} {finding.obstacle}"
    lines = [finding.message, *finding.notes]
    if finding.remedies:
        lines.append(f"help: {', '.join(hint.name for hint in finding.remedies[:4])}")
    return _command(LEVELS[finding.severity], properties, "\n".join(lines))


def _command(level: str, properties: dict[str, str], message: str) -> str:
    listed = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    return f"::{level} {listed}::{_data(message)}"


def _data(text: str) -> str:
    escaped = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return harmless(escaped)


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
