"""Findings and verdicts on a terminal, in the manner of a compiler."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from unstuck import allclear
from unstuck.findings import Finding, Severity
from unstuck.logs import CURVES
from unstuck.report import Report, digits, harmless, shown_path
from unstuck.signals import Run, Series
from unstuck.verdict import Verdict

__all__ = ["render", "write"]

COLOURS = {Severity.ERROR: "bold red", Severity.WARNING: "bold yellow", Severity.INFO: "bold cyan"}
TICKS = "▁▂▃▄▅▆▇█"
LONG = 30
"""Seconds from which on what watching costs is told as a share: before, most of it is the allowance
for the first steps."""
ROWS = 8
"""So many layers are shown of one finding; of deeper networks every n-th."""


def render(report: Report, width: int = 100) -> str:
    """Return a report as plain text."""
    with open(os.devnull, "w") as nowhere:
        console = Console(file=nowhere, width=width, record=True, color_system=None)
        write(report, console)
        return console.export_text()


def write(report: Report, console: Console) -> None:
    """Write a report to a console, in colours only where it is a terminal."""
    for part in _parts(report):
        part.plain = harmless(part.plain)
        console.print(part, soft_wrap=True, highlight=False)


def _parts(report: Report) -> Iterator[Text]:
    runs = {run.index: run for run in report.recording.runs}
    shown = [f for f in report.findings if report.verbose or f.severity is not Severity.INFO]
    for finding in shown:
        if finding.consequence_of is None or report.verbose:
            yield from _finding(finding, runs.get(finding.run), shown, report.verdict)
    if report.verdict is not None:
        yield from _verdict(report.verdict)
    if report.verbose and not any(f.severity is not Severity.INFO for f in report.findings):
        yield from _all_clear(report)
    yield from _summary(report, shown)


def _all_clear(report: Report) -> Iterator[Text]:
    """Say what was checked in the longest run, and why what looks alarming is normal."""
    run = max(report.recording.runs, key=lambda run: run.steps, default=None)
    if run is None or not run.steps:
        return
    rows = allclear.checked(run)
    yield Text("checked", "bold green")
    width = max(len(name) for name, _ in rows)
    for name, measured in rows:
        yield _margin(f"{name.ljust(width)}  {measured}")
    for sentence in allclear.normal(run):
        yield Text(" normal: ", "green").append(sentence, "default")
    yield Text()


def _finding(
    finding: Finding, run: Run | None, all_shown: Sequence[Finding], verdict: Verdict | None
) -> Iterator[Text]:
    head = Text()
    head.append(f"{finding.severity.value}[{finding.code}]", COLOURS[finding.severity])
    head.append(f" {finding.obstacle}", "bold")
    head.append(f": {finding.message}")
    yield head
    yield _place(finding, run)
    for line in _table(finding, run):
        yield _margin(line)
    consequences = [
        f.obstacle
        for f in all_shown
        if f.consequence_of == finding.obstacle and f.run == finding.run
    ]
    for note in finding.notes:
        yield _note(note)
    if consequences:
        yield _note(f"because of it: {', '.join(dict.fromkeys(consequences))}")
    if finding.consequence_of:
        yield _note(f"because of {finding.consequence_of}")
    if not (verdict is not None and verdict.remedies and finding.first):
        names = [hint.name for hint in finding.remedies][:4]
        if names:
            yield _help(f"{', '.join(names)}   (`unstuck explain {finding.obstacle}`)")
    yield Text()


def _place(finding: Finding, run: Run | None) -> Text:
    line = Text("  --> ", "blue")
    where = finding.location
    parts = []
    if where is not None:
        parts.append(f"{shown_path(where.file)}:{where.line}")
    if finding.layers:
        names = list(finding.layers)
        named = names[0] if len(names) == 1 else f"{names[0]} … {names[-1]}"
        parts.append(named + _kind(finding, run))
    first, last = finding.steps
    unit = "step"
    if run is not None and "log" in run.facts:
        unit = run.facts["log"]["unit"]
        parts.append(shown_path(run.script))
    line.append("  ".join(parts))
    line.append(f"{', ' if parts else ''}{unit}{'' if first == last else 's'} {first}")
    if first != last:
        line.append(f"–{last}")
    return line


def _kind(finding: Finding, run: Run | None) -> str:
    layer = run.layer(finding.layers[0]) if run else None
    if layer is None:
        return ""
    return f" ({layer.kind} → {layer.activation})" if layer.activation else f" ({layer.kind})"


def _table(finding: Finding, run: Run | None) -> list[str]:
    """Return the evidence by layer, with a small picture of how it went."""
    columns = {
        signal: values
        for signal, values in finding.evidence.items()
        if isinstance(values, Mapping)
        and values
        and run is not None
        and any((name, signal) in run.series for name in values)
    }
    if not columns or run is None:
        return []
    names = list(next(iter(columns.values())))
    order = [la.name for la in run.layers if la.name in names]
    names = order or names
    if len(names) > ROWS:
        step = (len(names) - 1) / (ROWS - 1)
        names = list(dict.fromkeys(names[round(i * step)] for i in range(ROWS)))
    width = max(len("layer"), *(len(name) for name in names))
    titles = [signal.replace("_", " ") for signal in columns]
    header = f"  {'layer':<{width}}  " + "  ".join(f"{t:>14}" for t in titles)
    rows = [header]
    first = next(iter(columns))
    culprit = finding.layers[0] if finding.layers else None
    for name in names:
        cells = "  ".join(f"{digits(columns[s].get(name)):>14}" for s in columns)
        mark = ">" if name == culprit else " "
        rows.append(f"{mark} {name:<{width}}  {cells}  {_picture(run.of(first, name))}")
    return rows


def _picture(series: Series, width: int = 8) -> str:
    """Return a line of ticks, a decade of the value being a tick; blank if not measured."""
    values = [v for v in series.values if math.isfinite(v)]
    if len(values) < 2:
        return ""
    chosen = [values[round(i * (len(values) - 1) / (width - 1))] for i in range(width)]
    logs = [math.log10(max(abs(v), 1e-12)) for v in chosen]
    return "".join(TICKS[min(max(round(log + 7), 0), 7)] for log in logs)


def _margin(line: str) -> Text:
    text = Text("   | ", "blue")
    text.append(line)
    return text


def _note(text: str) -> Text:
    line = Text(" note: ", "bold")
    line.append(text)
    return line


def _help(text: str) -> Text:
    line = Text(" help: ", "bold green")
    line.append(text)
    return line


def _verdict(verdict: Verdict) -> Iterator[Text]:
    names = " + ".join(verdict.remedies)
    objective = verdict.objective
    head = Text()
    if verdict.status in ("fixed", "improved") and objective and verdict.comparison:
        head.append(f"{verdict.status}: ", "bold green")
        head.append(names, "bold")
        yield head
        seeds = len(verdict.after)
        before, after = _middle(verdict.before), _middle(verdict.after)
        after_steps = f" after {objective.steps} steps" if objective.steps else ""
        yield Text(
            f"  proven on {seeds} seeds: {objective.name} {before} → {after}{after_steps}  "
            f"(p = {verdict.comparison.p_value:.2g})"
        )
        yield Text(f"  before: {_values(verdict.before)}   after: {_values(verdict.after)}")
        for change in verdict.changes:
            yield Text(f"  {change}")
    elif verdict.status == "no-fix-found":
        head.append("no fix found", "bold yellow")
        yield head
    elif verdict.status == "nothing-to-fix":
        head.append("nothing to fix", "bold green")
        yield head
    for note in verdict.notes:
        yield _note(note)
    if verdict.patch:
        yield Text()
        yield from _diff(verdict.patch)
    if verdict.control_steps:
        ratio = verdict.steps / verdict.control_steps
        yield Text()
        yield Text(
            f"cost: {verdict.steps} steps, {ratio:.1f} times the bare run, "
            f"in {verdict.seconds:.0f} s",
            "dim",
        )


def _diff(patch: str) -> Iterator[Text]:
    for line in patch.splitlines():
        colour = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "")
        yield Text(line, colour)


def _middle(values: Sequence[float]) -> str:
    ordered = sorted(values, key=lambda v: (math.isnan(v), v))
    return f"{ordered[len(ordered) // 2]:.4g}" if ordered else "-"


def _values(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.4g}" for value in values)


def _cost(spent: float, seconds: float) -> str:
    """Say what watching cost: a share of the time, of a short run the time itself."""
    if not seconds:
        return ""
    if seconds < LONG:
        return f", which took {spent:.2f} seconds"
    return f", which took {spent / seconds:.1%} of the time"


def _beside(report: Report) -> Iterator[Text]:
    """Say what watching cost once, and what it could not see."""
    compiling = report.recording.facts.get("compiling") or 0.0
    if compiling >= 0.05:
        yield Text(f"unstuck: compiling the measured step took {compiling:.1f} seconds", "dim")
    for reason in dict.fromkeys(run.facts.get("unseen") for run in report.recording.runs):
        if reason:
            yield Text(f"unstuck: {reason}", "dim")


def _summary(report: Report, shown: Sequence[Finding]) -> Iterator[Text]:
    facts = report.recording.facts
    steps = report.steps
    log = facts.get("log")
    if log is not None:
        yield from _log(report, log)
    elif report.verdict is None:
        if steps:
            yield Text(
                f"unstuck: {steps} steps watched, {facts.get('deep', 0)} of them in depth"
                f"{_cost(facts.get('spent', 0.0), facts.get('seconds', 0.0))}",
                "dim",
            )
            if facts.get("compiled"):
                yield Text(
                    "unstuck: inside a compiled model only weights and gradients can be seen", "dim"
                )
            yield from _beside(report)
        else:
            why = facts.get("unseen") or "no training was seen (no optimizer took a step)"
            if crash := str(facts.get("crashed") or "").splitlines():
                why = f"the script fails before it trains: {crash[-1]}"
            yield Text(f"unstuck: {why}", "dim")
    first = next((f for f in shown if f.first), None)
    if first is not None:
        place = first.location
        where = f" at {shown_path(place.file)}:{place.line}" if place else ""
        count = len(shown)
        rest = f" and {count - 1} more" if count > 1 else ""
        yield Text(f"unstuck: {first.obstacle}{where}{rest}", "bold")
        if log is not None:
            yield Text("unstuck: next: unstuck run SCRIPT, which sees layers and lines", "dim")
        elif report.verdict is None:
            script = facts.get("script", "SCRIPT")
            yield Text(f"unstuck: next: unstuck fix {script}", "dim")
    elif log is not None:
        yield Text("unstuck: nothing found that can be judged from this log", "dim")
    elif steps and report.verdict is None:
        yield Text("unstuck: nothing found that stops this training", "dim")


def _log(report: Report, log: Mapping[str, Any]) -> Iterator[Text]:
    """Say what was read of a log, and what can't be judged from it, reason by reason."""
    runs = report.recording.runs
    counted = " + ".join(str(run.steps) for run in runs)
    named = ", ".join(CURVES[signal].removeprefix("the ") for signal in log["signals"])
    yield Text(
        f"unstuck: {shown_path(report.recording.path)}: {counted} {log['unit']}s of {named}", "dim"
    )
    reasons: dict[str, list[str]] = {}
    for name, reason in report.unjudged.items():
        reasons.setdefault(reason, []).append(name)
    for reason, names in reasons.items():
        yield Text(f"unstuck: can't be judged from this log, {reason}: {', '.join(names)}", "dim")
