"""Heat maps, made by Plotly: a signal over layers and steps, with the culprit marked."""

from __future__ import annotations

import html
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TypeVar

import numpy as np
import plotly.graph_objects as go

from unstuck.report.curves import spread, styled
from unstuck.report.page import Cell, label
from unstuck.signals import Run

__all__ = ["Heat", "draw", "heat", "table"]

T = TypeVar("T")

ROWS, COLUMNS = 200, 96
"""So many layers and samples a picture holds; of more, every n-th, and every culprit."""
NAMES = 24
"""So many layers are named at the axis; hovering names the others."""
MARK = "#e8308c"
"""The culprit's colour: on none of the scale's colours, nor on either page, does it get lost."""


@dataclass(frozen=True)
class Heat:
    """A signal over layers and steps.

    Attributes:
        names: Rows, in the order in which layers run.
        steps: Columns: the deep samples' steps, ascending.
        values: One row a name; None where nothing was measured.
        marked: Those of the names that a finding points to.
        share: Whether the values are shares, from 0 to 1, not sizes.
        left_out: So many layers there are besides.
    """

    names: Sequence[str]
    steps: Sequence[int]
    values: Sequence[Sequence[float | None]]
    marked: Collection[str]
    share: bool = False
    left_out: int = 0

    @property
    def typical(self) -> list[float]:
        """The median of each row's finite values, NaN without any."""
        known = [[v for v in row if v is not None and math.isfinite(v)] for row in self.values]
        return [median(row) if row else math.nan for row in known]


def heat(run: Run, signal: str, names: Sequence[str], marked: Collection[str]) -> Heat | None:
    """Return a signal over layers and steps, thinned; None where it was not measured.

    Args:
        run: The run.
        signal: What is shown.
        names: Layers or activations, in the order in which they run.
        marked: Those that a finding points to.
    """
    measured = [name for name in names if any(map(math.isfinite, run.of(signal, name)))]
    steps = sorted({step for name in measured for step in run.of(signal, name).steps})
    if not steps:
        return None
    rows = _chosen(measured, ROWS, marked)
    columns = _chosen(steps, COLUMNS, ())
    values = []
    for name in rows:
        series = run.of(signal, name)
        known = dict(zip(series.steps, series.values, strict=True))
        values.append([known.get(step) for step in columns])
    share = signal.endswith("_share")
    return Heat(rows, columns, values, set(marked) & set(rows), share, len(measured) - len(rows))


def _chosen(items: Sequence[T], most: int, needed: Collection[T]) -> list[T]:
    """Return at most so many items: the needed, and others evenly spread."""
    places = {True: list[int](), False: list[int]()}
    for place, item in enumerate(items):
        places[item in needed].append(place)
    kept = [places[True][i] for i in spread(len(places[True]), most)]
    kept += [places[False][i] for i in spread(len(places[False]), most - len(kept))]
    return [items[place] for place in sorted(kept)]


def draw(shown: Heat) -> go.Figure:
    """Return the picture of a signal over layers and steps."""
    values = np.array(
        [[math.nan if v is None else v for v in row] for row in shown.values], dtype=np.float32
    )
    names = _unique([label(name) for name in shown.names])
    steps = [str(step) for step in shown.steps]
    colours, scale = _scale(values, shown)
    figure = go.Figure(
        go.Heatmap(
            z=colours,
            x=steps,
            y=names,
            customdata=values,
            hovertemplate="%{y}<br>step %{x}<br><b>%{customdata:.3~g}</b><extra></extra>",
            hoverongaps=False,
            **scale,
        )
    )
    rows = [i for i, name in enumerate(shown.names) if name in shown.marked]
    for first, last in _stretches(rows):
        line = {"color": MARK, "width": 3}
        box = {"x0": -0.5, "x1": len(steps) - 0.5, "y0": first - 0.5, "y1": last + 0.5}
        figure.add_shape(type="rect", line=line, **box)
    named = sorted({*spread(len(names), NAMES), *(rows if len(rows) <= NAMES else ())})
    long = [f"▶ {_short(names[i], 26)}" if i in rows else _short(names[i], 26) for i in named]
    brief = [f"▶{_short(names[i], 11)}" if i in rows else _short(names[i], 11) for i in named]
    axis = {"type": "category", "showgrid": False}
    figure.update_yaxes(
        autorange="reversed", tickvals=[names[i] for i in named], ticktext=long, **axis
    )
    ticks = [steps[i] for i in spread(len(steps), 12)]
    figure.update_xaxes(title_text="step (samples are denser at first)", tickvals=ticks, **axis)
    height = min(max(26 * len(names), 52), 560) + 64
    styled(figure, height)
    figure.layout.meta |= {
        "yaxis.ticktext": brief,
        "xaxis.tickvals": [steps[i] for i in spread(len(steps), 5)],
    }
    return figure


def _scale(values: np.ndarray, shown: Heat) -> tuple[np.ndarray, dict[str, object]]:
    """Return what the colours stand for, and their scale: shares as they are, sizes in decades."""
    bar = {"thickness": 12, "outlinewidth": 0, "len": 1.0, "x": 1.01}
    if shown.share:
        room = [0, 0.25, 0.5, 0.75, 1] if len(shown.names) > 3 else [0, 0.5, 1]
        ticks = {"tickvals": room, "tickformat": ".0%"}
        scale = {"zmin": 0, "zmax": 1, "colorscale": "Viridis", "colorbar": {**bar, **ticks}}
        return values, scale
    positive = values[np.isfinite(values) & (values > 0)]
    low, high = (positive.min(), positive.max()) if positive.size else (1e-3, 1.0)
    bottom, top = math.floor(math.log10(low)), math.ceil(math.log10(high))
    bottom, top = max(bottom, top - 12), max(top, bottom + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        decades = np.clip(np.log10(np.abs(values)), bottom, top).astype(np.float32)
    every = max(1, round((top - bottom) / 6))
    powers = list(range(bottom, top + 1, every))
    ticks = {"tickvals": powers, "ticktext": [f"10<sup>{p}</sup>" for p in powers]}
    limits = {"zmin": bottom, "zmax": top, "colorscale": "Viridis"}
    return decades, {**limits, "colorbar": {**bar, **ticks}}


def _unique(names: Sequence[str]) -> list[str]:
    seen: dict[str, int] = {}
    made = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        made.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return made


def _short(name: str, most: int) -> str:
    """Return a name's end: that is where layers differ."""
    plain = html.unescape(name)
    return name if len(plain) <= most else label(f"…{plain[1 - most :]}")


def _stretches(rows: Sequence[int]) -> list[tuple[int, int]]:
    """Return the first and last of each stretch of consecutive numbers."""
    found: list[tuple[int, int]] = []
    for row in rows:
        if found and found[-1][1] == row - 1:
            found[-1] = (found[-1][0], row)
        else:
            found.append((row, row))
    return found


def table(shown: Heat) -> tuple[list[str], list[list[Cell]]]:
    """Return heads and rows of the picture's numbers at five of its steps."""
    columns = spread(len(shown.steps), 5)
    heads = ["layer", *(f"step {shown.steps[i]}" for i in columns)]
    rows: list[list[Cell]] = [
        [name, *(row[i] for i in columns)]
        for name, row in zip(shown.names, shown.values, strict=True)
    ]
    return heads, rows
