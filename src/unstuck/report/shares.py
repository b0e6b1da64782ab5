"""How a share is spread over the layers, at a few steps: a box of the layers, a point for each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import quantiles

import plotly.graph_objects as go

from unstuck.report.curves import COLOURS, spread, styled
from unstuck.report.heat import MARK, Heat
from unstuck.report.page import Cell, label

__all__ = ["FEWEST", "Column", "columns", "draw", "table"]

FEWEST = 4
"""Of fewer layers there is nothing to be spread: the heat map shows each."""
STEPS = 6
"""So many steps are shown, from the first deep sample to the last."""


@dataclass(frozen=True)
class Column:
    """A share in every layer at one step.

    Attributes:
        step: The step.
        names: Layers in which it was measured then.
        values: Their shares, from 0 to 1.
        units: How many units each has, 0 where that is not known.
    """

    step: int
    names: Sequence[str]
    values: Sequence[float]
    units: Sequence[int]

    @property
    def many(self) -> int:
        """In how many layers the share is more than a half."""
        return sum(value > 0.5 for value in self.values)

    @property
    def quartiles(self) -> tuple[float, float, float, float, float]:
        """The least, the three quartiles and the greatest of the layers' shares."""
        if len(self.values) < 2:
            low = middle = high = self.values[0]
        else:
            low, middle, high = quantiles(self.values, method="inclusive")
        return min(self.values), low, middle, high, max(self.values)


def columns(shown: Heat, units: Mapping[str, int]) -> list[Column]:
    """Return the steps that are shown, at each of which something was measured.

    Args:
        shown: The share over layers and steps.
        units: Layer -> how many units it has.
    """
    found = []
    for place, step in enumerate(shown.steps):
        pairs = zip(shown.names, (row[place] for row in shown.values), strict=True)
        known = [(name, v) for name, v in pairs if v is not None and math.isfinite(v)]
        if known:
            names, values = zip(*known, strict=True)
            found.append(Column(step, names, values, [units.get(name, 0) for name in names]))
    return [found[i] for i in spread(len(found), STEPS)]


def draw(shown: Heat, given: Sequence[Column]) -> go.Figure:
    """Return the picture of a share's spread over the layers.

    Args:
        shown: Where it is from: which layers are marked.
        given: The steps.
    """
    figure = go.Figure()
    for column in given:
        figure.add_box(
            x=[str(column.step)] * len(column.values),
            y=column.values,
            boxpoints="all",
            jitter=0.6,
            pointpos=0,
            hoveron="points",
            text=[_said(column, i) for i in range(len(column.values))],
            hovertemplate="%{text}<extra></extra>",
            selectedpoints=[i for i, name in enumerate(column.names) if name in shown.marked],
            marker={"color": COLOURS[1], "size": 6, "opacity": 0.75},
            selected={"marker": {"color": MARK, "opacity": 1, "size": 8}},
            unselected={"marker": {"opacity": 0.75}},
            line={"color": COLOURS[0], "width": 1.5},
            fillcolor="rgba(125,135,146,0.15)",
            showlegend=False,
        )
    figure.update_xaxes(type="category", title_text="step", showgrid=False)
    figure.update_yaxes(range=[-0.03, 1.03], tickformat=".0%", title_text="share in a layer")
    return styled(figure, 300)


def _said(column: Column, place: int) -> str:
    name, value, units = column.names[place], column.values[place], column.units[place]
    counted = f", about {value * units:.0f} of {units} units" if units else ""
    return f"{label(name)}<br>step {column.step}<br><b>{value:.1%}</b>{counted}"


def table(given: Sequence[Column]) -> tuple[list[str], list[list[Cell]]]:
    """Return heads and rows of the picture's numbers: what lies between the layers."""
    heads = ["step", "least", "a quarter below", "middle", "a quarter above", "greatest"]
    rows: list[list[Cell]] = [[str(c.step), *c.quartiles, str(c.many)] for c in given]
    return [*heads, "layers above a half"], rows
