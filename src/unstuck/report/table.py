"""The table of `unstuck compare`, on a terminal or as Markdown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from rich.table import Table

from unstuck.side_by_side import Arm, Compared

__all__ = ["markdown", "table"]

COLUMNS = ("remedies", "OBJECTIVE", "steps to untreated loss", "ms a step", "verdict")


def rows(compared: Compared) -> list[tuple[str, ...]]:
    """Return a row of text for each arm."""
    return [
        (arm.label, _range(arm.values), _reached(arm), _pace(arm), _verdict(arm, compared))
        for arm in compared.arms
    ]


def columns(compared: Compared) -> list[str]:
    """Return the table's heads."""
    better = "lower" if compared.objective.goal == "min" else "higher"
    goal = f"{compared.objective.name} ({better} is better)"
    return [goal if name == "OBJECTIVE" else name for name in COLUMNS]


def table(compared: Compared) -> Table:
    """Return the table for a terminal."""
    shown = Table(box=None, header_style="bold", pad_edge=False)
    for head in columns(compared):
        shown.add_column(head, overflow="fold")
    for row in rows(compared):
        shown.add_row(*row)
    return shown


def markdown(compared: Compared) -> str:
    """Return the table as Markdown."""
    heads, *cells = [
        " | ".join(cell.replace("|", "\\|") for cell in row)
        for row in (columns(compared), *rows(compared))
    ]
    lines = [f"| {heads} |", f"|{'---|' * len(COLUMNS)}", *(f"| {row} |" for row in cells)]
    return "\n".join(lines)


def _range(values: Sequence[float]) -> str:
    known = sorted(value for value in values if not math.isnan(value))
    if not known:
        return "-"
    if known[0] == known[-1]:
        return f"{known[0]:.3g}"
    return f"{median(known):.3g} ({known[0]:.3g} to {known[-1]:.3g})"


def _reached(arm: Arm) -> str:
    if arm.comparison is None or not any(arm.losses):
        return "-"
    known = [steps for steps in arm.reached if math.isfinite(steps)]
    if len(known) <= len(arm.reached) / 2:
        return "never"
    return f"{median(arm.reached):.0f} of {max(len(losses) for losses in arm.losses)}"


def _pace(arm: Arm) -> str:
    paces = [
        1000 * seconds / len(losses)
        for seconds, losses in zip(arm.seconds, arm.losses, strict=True)
        if len(losses)
    ]
    return f"{median(paces):.2f}" if paces else "-"


def _verdict(arm: Arm, compared: Compared) -> str:
    if arm.note:
        return arm.note
    if arm.comparison is None:
        return ""
    if arm.comparison.proven:
        return f"better (p = {arm.comparison.p_value:.2g})"
    worse = [
        compared.objective.badness(new) > compared.objective.badness(old)
        for new, old in zip(arm.values, compared.arms[0].values, strict=True)
    ]
    return "worse on every seed" if all(worse) else f"not proven (p = {arm.comparison.p_value:.2g})"
