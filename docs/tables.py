"""Writes what the classes say into README.md and docs/how-it-decides.md.

``make docs`` calls it. Text between ``<!-- NAME -->`` and ``<!-- /NAME -->`` is replaced.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from pathlib import Path

from unstuck import registry
from unstuck.obstacles import Obstacle

ROOT = Path(__file__).parent.parent


def summary(kind: type) -> str:
    """Return the first line of a docstring."""
    return (inspect.getdoc(kind) or "").splitlines()[0]


def section(kind: type, title: str) -> str:
    """Return one section of a docstring as a paragraph."""
    found = re.search(
        rf"^{re.escape(title)}\n(.*?)(?=^\S|\Z)", inspect.getdoc(kind) or "", re.M | re.S
    )
    return " ".join(textwrap.dedent(found[1]).split()) if found else ""


def remedies(kind: type[Obstacle]) -> str:
    """Return an obstacle's remedies; those that can only be named are in italics."""
    known = registry.remedies()
    return ", ".join(name if name in known else f"*{name}*" for name in kind.remedies) or "–"


def obstacle_table() -> str:
    """Return the obstacles, a row each."""
    rows = [
        f"| {kind.code} | {name} | {summary(kind)} | {remedies(kind)} |"
        for name, kind in registry.obstacles().items()
    ]
    return "\n".join(["| code | obstacle | says | remedies |", "|---|---|---|---|", *rows])


def remedy_table() -> str:
    """Return the remedies, a row each."""
    rows = [f"| {name} | {summary(kind)} |" for name, kind in registry.remedies().items()]
    return "\n".join(["| remedy | does |", "|---|---|", *rows])


def decisions() -> str:
    """Return what each obstacle rests on: evidence, thresholds, known problems, sources."""
    parts = []
    for name, kind in registry.obstacles().items():
        values = ", ".join(f"{key} = {value:g}" for key, value in kind.thresholds().items())
        lines = [
            f"### {kind.code} {name}",
            summary(kind),
            section(kind, "Evidence:"),
            f"Thresholds: {values or 'none'}.",
            f"Known problems: {section(kind, 'Known problems:')}",
            f"References: {section(kind, 'References:')}",
        ]
        parts.append(
            "\n\n".join(textwrap.fill(line, 100, break_on_hyphens=False) for line in lines)
        )
    return "\n\n".join(parts)


def fill(page: Path, name: str, text: str) -> None:
    """Put text between the two marks of that name."""
    marks = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, _, rest = page.read_text().partition(marks[0])
    _, _, after = rest.partition(marks[1])
    page.write_text(f"{before}{marks[0]}\n{text}\n{marks[1]}{after}")


if __name__ == "__main__":
    fill(ROOT / "README.md", "obstacles", obstacle_table())
    fill(ROOT / "README.md", "remedies", remedy_table())
    fill(ROOT / "docs/how-it-decides.md", "decisions", decisions())
