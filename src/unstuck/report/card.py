"""A finding as HTML: what it says, what it rests on, and what the obstacle's page says of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from unstuck import registry
from unstuck.findings import Finding
from unstuck.report import digits, shown_path
from unstuck.report.explanation import parts
from unstuck.report.page import Cell, document, frame, prose, table, whole, words
from unstuck.report.training import telling
from unstuck.signals import Run

__all__ = ["card", "framed"]

ROWS = 16
"""So many layers are shown of one finding; of deeper networks every n-th."""


def card(finding: Finding, run: Run | None = None, title: str = "", picture: str = "") -> str:
    """Return a finding as HTML.

    Args:
        finding: The finding.
        run: What it was found in, for the order of its layers.
        title: What stands before its name, such as a number.
        picture: HTML of what shows it, below its sentence.
    """
    head = f'<span class="badge">{title}{finding.severity.value} {words(finding.code)}</span>'
    notes = "".join(f"<p>{prose(whole(note))}</p>" for note in finding.notes)
    return (
        f'<article class="{finding.severity.value}">'
        f"<h3>{head} {words(finding.obstacle)}</h3><p>{prose(whole(finding.message))}</p>"
        f"{picture}{_facts(finding)}{_evidence(finding, run)}{notes}{_explained(finding)}</article>"
    )


def framed(finding: Finding) -> str:
    """Return a finding as a notebook shows it: with its picture, if its training is known."""
    run = finding.training
    shown = telling(finding, run) if run is not None else ""
    return frame(document(finding.obstacle, "", card(finding, run, picture=shown)))


def _facts(finding: Finding) -> str:
    """Return where, when and how sure, and what may cure it."""
    first, last = finding.steps
    place = finding.location
    rows = {
        "where": f"<code>{words(f'{shown_path(place.file)}:{place.line}')}</code>" if place else "",
        "layers": _names(finding.layers),
        "when": f"step {first}" if first == last else f"steps {first} to {last}",
        "known": "" if finding.known_at is None else f"from step {finding.known_at} on",
        "because of": words(finding.consequence_of or ""),
        "confidence": f"{finding.confidence:.0%}",
        "remedies": ", ".join(words(hint.name) for hint in finding.remedies),
    }
    rows |= {
        words(name.replace("_", " ")): digits(value)
        for name, value in finding.evidence.items()
        if isinstance(value, (int, float))
    }
    return f"<dl>{''.join(f'<dt>{k}</dt><dd>{v}</dd>' for k, v in rows.items() if v)}</dl>"


def _names(layers: Sequence[str]) -> str:
    shown = layers if len(layers) <= 6 else (*layers[:5], layers[-1])
    names = [f"<code>{words(name[:300])}</code>" for name in shown]
    if len(shown) < len(layers):
        names.insert(-1, f"… {len(layers) - len(shown)} more …")
    return ", ".join(names)


def _evidence(finding: Finding, run: Run | None) -> str:
    """Return what was measured by layer, as a table; "" if the finding rests on nothing such."""
    columns = {
        signal: {str(name): value for name, value in values.items()}
        for signal, values in finding.evidence.items()
        if isinstance(values, Mapping) and values
    }
    if not columns:
        return ""
    names = list(dict.fromkeys(name for values in columns.values() for name in values))
    named = True
    if run is not None:
        known = [layer.name for layer in run.layers] + [a.name for a in run.activations]
        order = {name: place for place, name in enumerate(known)}
        names.sort(key=lambda name: order.get(name, len(order)))
        named = any(name in order for name in names)
    if len(names) > ROWS:
        step = (len(names) - 1) / (ROWS - 1)
        names = list(dict.fromkeys(names[round(i * step)] for i in range(ROWS)))
    rows = [[name, *(_cell(values.get(name)) for values in columns.values())] for name in names]
    heads = ["layer" if named else "", *(signal.replace("_", " ") for signal in columns)]
    return table(heads, rows, "What it rests on", [name in finding.layers for name in names])


def _cell(value: object) -> Cell:
    if value is None or isinstance(value, (int, float)):
        return None if isinstance(value, float) and math.isnan(value) else value
    return str(value)


def _explained(finding: Finding) -> str:
    """Return what the obstacle says of itself, its sources among it."""
    kind = registry.obstacles().get(finding.obstacle)
    if kind is None:
        return ""
    shown = []
    for part in parts(kind):
        title = f"<h4>{words(part.title)}</h4>" if part.title else ""
        shown.append(title + "".join(f"<p>{prose(text)}</p>" for text in part.paragraphs))
    return (
        f"<details><summary>What this is, why it is bad, how it is found, sources</summary>"
        f"{''.join(shown)}</details>"
    )
