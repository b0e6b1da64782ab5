"""A report as one page with pictures: it opens without a network, in light, dark and on paper."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from statistics import median

from unstuck import __version__, allclear
from unstuck.findings import Finding, Severity
from unstuck.report import Curve, Report, curves, digits, shown_path
from unstuck.report.card import card
from unstuck.report.page import (
    Cell,
    content,
    document,
    picture,
    prose,
    sections,
    table,
    whole,
    words,
)
from unstuck.report.training import pictures
from unstuck.side_by_side import Arm, Compared
from unstuck.signals import Run
from unstuck.verdict import Objective, Verdict

__all__ = ["comparison", "page", "sentence", "update"]

PICTURED = 3
"""So many trainings of one script have pictures: those with findings, then the longest."""
CARDS = 40
"""So many findings are shown in full."""
SIDES = {False: "as it is", True: "patched"}
PROVEN = ("fixed", "improved")


def page(report: Report, live: str | None = None) -> str:
    """Return a report as an HTML page.

    Args:
        report: What is shown.
        live: Tells this report from a later one, which the page asks its server for; None for a
            page that is a file.
    """
    return document(f"{_name(report)}: unstuck", *_content(report), live)


def update(report: Report, state: str) -> str:
    """Return what changes of a live page.

    Args:
        report: What is shown.
        state: Tells this report from a later one.
    """
    return content(*_content(report), state)


def _name(report: Report) -> str:
    return shown_path(str(report.recording.facts.get("script") or "training"))


def _content(report: Report) -> tuple[str, str]:
    links, main = sections(dict(_sections(report)))
    return f"<h1>unstuck: {words(_name(report))}</h1>{_top(report)}{links}", main


def sentence(report: Report) -> str:
    """Return in one sentence what came out."""
    verdict = report.verdict
    first = _first(report)
    if verdict is not None and verdict.status in PROVEN and verdict.objective is not None:
        change = f"{digits(_middle(verdict.before))} → {digits(_middle(verdict.after))}"
        return (
            f"{verdict.status.capitalize()} by {' + '.join(verdict.remedies)}: "
            f"{verdict.objective.name} {change} {_when(verdict.objective)}, "
            f"proven on {len(verdict.after)} seeds"
        )
    if verdict is not None and verdict.status == "no-fix-found":
        found = f" for {first.obstacle}" if first else ""
        return f"No fix found{found}: nothing that was tried was proven to be better"
    if first is not None:
        return f"Found {first.obstacle}: {first.message}"
    if not report.steps:
        return "No training was seen: no optimizer took a step"
    return "Nothing found that stops this training"


def _first(report: Report) -> Finding | None:
    return next((f for f in report.findings if f.first), None)


def _top(report: Report) -> str:
    """Return the verdict in one sentence, and what was watched in another."""
    first = _first(report)
    proven = report.verdict is not None and report.verdict.status in PROVEN
    kind = "ok" if proven or first is None else first.severity.value
    facts = report.recording.facts
    said = [f"{report.steps} steps watched"]
    if facts.get("deep"):
        said.append(f"{facts['deep']} of them in depth")
    if len(report.recording.runs) > 1:
        said.insert(0, f"{len(report.recording.runs)} trainings")
    if facts.get("seconds"):
        said.append(f"in {digits(float(facts['seconds']))} s")
    if report.verdict is None and "status" not in facts and report.steps:
        said.append("still running, or killed")
    if facts.get("crashed"):
        said.append(f"the script failed: {str(facts['crashed']).splitlines()[-1]}")
    return (
        f'<p class="verdict {kind}">{prose(sentence(report))}.</p>'
        f'<p class="meta">{words(", ".join(said))}.</p>'
    )


def _sections(report: Report) -> Iterator[tuple[str, str]]:
    """Yield titles and HTML of the page's parts: what is seen, then what is said of it."""
    serious = [f for f in report.findings if f.severity is not Severity.INFO]
    numbered = list(enumerate(serious, start=1))
    if report.verdict is not None:
        yield from _fix(report, report.verdict)
    runs = _pictured(report)
    for run in runs:
        alone = len(report.recording.runs) == 1
        title = "Training" if alone else f"Training {run.index + 1}"
        mine = [(place, finding) for place, finding in numbered if finding.run == run.index]
        yield title if report.verdict is None else f"{title} as it is", pictures(run, mine)
    if numbered:
        yield "Findings", _cards(report, numbered)
    elif runs:
        yield "What was checked", _all_clear(runs[0])
    remarks = [f for f in report.findings if f.severity is Severity.INFO]
    if remarks and report.verbose:
        yield "Remarks", "".join(card(f, _run_of(report, f)) for f in remarks)
    if report.trials:
        yield "Trials", _trials(report)
    if report.unjudged:
        rows: list[list[Cell]] = [[name, needs] for name, needs in report.unjudged.items()]
        yield "What cannot be judged", table(["obstacle", "what it would take"], rows)
    yield "About this report", _about(report, runs)


# -------------------------------------------------------------------------------- findings


def _run_of(report: Report, finding: Finding) -> Run | None:
    return next((run for run in report.recording.runs if run.index == finding.run), None)


def _cards(report: Report, numbered: Sequence[tuple[int, Finding]]) -> str:
    """Return the findings, what follows from others folded away."""
    shown = {
        follows: "".join(
            card(finding, _run_of(report, finding), f"{place} · ")
            for place, finding in numbered[:CARDS]
            if (finding.consequence_of is not None) == follows
        )
        for follows in (False, True)
    }
    left = len(numbered) - CARDS
    if left > 0:
        shown[False] += f"<p>And {left} more; <code>unstuck check</code> lists them.</p>"
    if not shown[True]:
        return shown[False]
    names = dict.fromkeys(f.obstacle for _, f in numbered if f.consequence_of is not None)
    head = f"Because of it: {', '.join(names)}"
    return f"{shown[False]}<details><summary>{words(head)}</summary>{shown[True]}</details>"


def _all_clear(run: Run) -> str:
    rows: list[list[Cell]] = [list(row) for row in allclear.checked(run)]
    said = "".join(f"<p>{prose(whole(text))}</p>" for text in allclear.normal(run))
    return table(["checked", "measured"], rows) + said


# -------------------------------------------------------------------------------- one training


def _pictured(report: Report) -> list[Run]:
    """Return the trainings that have pictures, in their order."""
    found = {finding.run for finding in report.findings if finding.severity is not Severity.INFO}
    runs = [run for run in report.recording.runs if run.steps]
    runs.sort(key=lambda run: (run.index not in found, -run.steps))
    return sorted(runs[:PICTURED], key=lambda run: run.index)


# -------------------------------------------------------------------------------- a fix


def _fix(report: Report, verdict: Verdict) -> Iterator[tuple[str, str]]:
    """Yield the parts that a fix adds: the proof, the patch, the trials."""
    notes = "".join(f"<p>{prose(whole(note))}</p>" for note in verdict.notes)
    if verdict.status in PROVEN and verdict.objective is not None:
        yield "Proof", _proof(report, verdict, verdict.objective) + notes
    elif notes:
        yield "What came out", notes
    changes = "".join(f"<li>{prose(change)}</li>" for change in verdict.changes)
    done = f"<ul>{changes}</ul>" if changes else ""
    if verdict.patch:
        yield "Patch", f"{done}{_diff(verdict.patch)}"
    elif done:
        yield "What was changed", done


def _proof(report: Report, verdict: Verdict, objective: Objective) -> str:
    """Return the pictures and numbers that the verdict rests on."""
    when = _when(objective)
    better = "lower" if objective.goal == "min" else "higher"
    chance = verdict.comparison.p_value if verdict.comparison else math.nan
    said = whole(
        f"{objective.name} {when}, {better} is better: as it is "
        f"{_listed(verdict.before)}; patched {_listed(verdict.after)}. If the patch changed "
        f"nothing, chance would give such a difference in {chance:.2g} of all cases (exact "
        "permutation test)"
    )
    rows: list[list[Cell]] = [
        [f"pair {i}", *pair]
        for i, pair in enumerate(zip(verdict.before, verdict.after, strict=True), start=1)
    ]
    numbers = table(["same seed", "as it is", "patched"], rows, objective.name)
    shown = [picture("What is compared, seed by seed", curves.values(verdict), said, numbers)]
    compared = [curve for curve in report.curves if not curve.whole and curve.loss]
    if compared:
        shown.append(_compared(compared, objective))
    complete = [curve for curve in report.curves if curve.whole and curve.loss]
    if complete:
        shown.append(
            picture(
                "The patched script to its end",
                curves.to_the_end(complete),
                f"Training loss of one run each: {_ends(complete, 'loss')}. The script as it is "
                "was run as far as its diagnosis needed.",
                _ends_table(complete, "loss"),
            )
        )
    return "".join(shown)


def _compared(shown: Sequence[Curve], objective: Objective) -> str:
    """Return how the compared trials went: by the validation loss, if that is what counts."""
    passes = min(len(curve.validation) for curve in shown)
    signal = "validation" if passes > 1 and objective.name == "validation loss" else "loss"
    name = "Training loss" if signal == "loss" else "Validation loss"
    seeds = len({curve.seed for curve in shown})
    return picture(
        "Control against treated",
        curves.proof(shown, signal),
        f"{name} {_when(objective)}: {_ends(shown, signal)}. Lines are medians over {seeds} seeds, "
        "bands reach from the lowest to the highest.",
        _ends_table(shown, signal),
    )


def _when(objective: Objective) -> str:
    return f"after {objective.steps} steps" if objective.steps else "at the end"


def _listed(values: Sequence[float]) -> str:
    return ", ".join(digits(value) for value in values)


def _ends(shown: Sequence[Curve], signal: str) -> str:
    said = []
    for treated in (False, True):
        known = [getattr(curve, signal).values for curve in shown if curve.treated == treated]
        if known:
            start, end = (median(values[i] for values in known) for i in (0, -1))
            said.append(f"{SIDES[treated]} from {digits(start)} to {digits(end)}")
    return "; ".join(said)


def _ends_table(shown: Sequence[Curve], signal: str) -> str:
    rows: list[list[Cell]] = []
    for curve in shown:
        series = getattr(curve, signal)
        ends = [series.values[0], min(series), series.values[-1]]
        name = f"{SIDES[curve.treated]}, seed {curve.seed}"
        rows.append([name, *ends, str(series.steps[-1] + 1)])
    return table(["trial", "first", "lowest", "last", "steps"], rows)


def _diff(patch: str) -> str:
    """Return a unified diff, its lines coloured; signs say the same as colours."""
    kinds = {"+++": "file", "---": "file", "@@ ": "hunk"}
    lines = []
    for line in patch.splitlines():
        sign = {"+": "added", "-": "removed"}.get(line[:1], "")
        kind = kinds.get(line[:3], sign)
        lines.append(f'<span class="{kind}">{words(line) or " "}</span>')
    shown = "".join(lines)
    return f'<pre class="diff" tabindex="0" role="group" aria-label="Patch">{shown}</pre>'


def _trials(report: Report) -> str:
    verdict = report.verdict
    chosen = " + ".join(verdict.remedies) if verdict is not None else ""
    rows: list[list[Cell]] = []
    marked = []
    for trial in report.trials:
        name = str(trial.get("settings") or "") or " + ".join(trial["remedies"]) or "as it is"
        value = trial.get("objective")
        steps, seed = str(trial["steps"]), str(trial["seed"])
        rows.append([name, seed, steps, value, str(trial["status"])])
        marked.append(bool(chosen) and name == chosen)
    goal = verdict.objective.name if verdict is not None and verdict.objective else "objective"
    heads = ["remedies", "seed", "steps", goal, "status"]
    return table(heads, rows, "Every trial, in the order they were begun", marked)


# -------------------------------------------------------------------------------- the rest


def _about(report: Report, runs: Sequence[Run]) -> str:
    """Return what the page is made from."""
    facts = report.recording.facts
    rows: list[list[Cell]] = [
        ["script", str(facts.get("script") or "-")],
        ["framework", str(facts.get("framework") or "-")],
        ["unstuck", __version__],
    ]
    if os.path.exists(report.recording.path):  # a fix does not keep those of its trials
        rows.append(["record", shown_path(report.recording.path)])
    for run in runs:
        name = "optimizer" if len(runs) == 1 else f"training {run.index + 1}"
        settings = ", ".join(f"{k}={v:g}" for k, v in run.optimizer.settings.items())
        loss = run.loss_function.function or "a loss of its own"
        what = f"{run.optimizer.name}({settings}), {loss}, {run.steps} steps"
        rows.append([name, f"{what}, {len(run.layers)} layer{'s' * (len(run.layers) != 1)}"])
    left = sum(bool(run.steps) for run in report.recording.runs) - len(runs)
    if left > 0:
        rows.append(["without pictures", f"{left} more trainings"])
    verdict = report.verdict
    if verdict is not None and verdict.control_steps:
        ratio = verdict.steps / verdict.control_steps
        cost = f"{verdict.steps} steps, {ratio:.1f} times the bare run, {verdict.seconds:.0f} s"
        rows.append(["cost of the fix", cost])
    return table(["", ""], rows)


def _middle(values: Sequence[float]) -> float:
    ordered = sorted(values, key=lambda v: (math.isnan(v), v))
    return ordered[len(ordered) // 2] if ordered else math.nan


# -------------------------------------------------------------------------------- a comparison


def comparison(compared: Compared, title: str) -> str:
    """Return remedies side by side as a page: the table, the curves, what was changed."""
    from unstuck.report.table import columns, rows

    cells: list[list[Cell]] = [list(row) for row in rows(compared)]
    numbers = table(columns(compared), cells)
    seeds = len(compared.arms[0].values)
    said = (
        f"Lines are medians over {seeds} seeds, bands reach from the lowest to the highest. "
        + ". ".join(_told(arm) for arm in compared.arms)
    )
    paces = "A step costs the time that the table names, in milliseconds."
    parts = {
        "Table": numbers,
        "Curves": picture("Training loss over steps", curves.comparison(compared), f"{said}.")
        + picture("Training loss over time", curves.comparison(compared, seconds=True), paces),
    }
    links, main = sections(parts)
    header = f'<h1>unstuck</h1><p class="verdict">{words(title)}</p>{links}'
    return document(f"{title}: unstuck", header, main)


def _told(arm: Arm) -> str:
    """Return what a curve shows and what was changed, for those who do not see it."""
    changed = f"; changed: {', '.join(arm.changes)}" if arm.changes else ""
    known = [losses.values for losses in arm.losses if len(losses)]
    if arm.note or not known:
        return f"{arm.label}: {arm.note or 'no curve'}{changed}"
    start = median(values[0] for values in known)
    end = median(median(values[-max(len(values) // 10, 5) :]) for values in known)
    return f"{arm.label}: the training loss goes from {start:.3g} to {end:.3g}{changed}"
