"""Pictures, made by Plotly: one self-contained page, no network."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from statistics import median

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from unstuck.side_by_side import Arm, Compared
from unstuck.signals import Series

__all__ = ["comparison", "page"]

COLOURS = (
    *("#5b6770", "#0072b2", "#d55e00", "#009e73", "#cc79a7"),
    *("#e69f00", "#56b4e9", "#7a5195", "#8c564b", "#17becf"),
)
"""The untreated run in grey; then colours that colour-blind people can tell apart (Okabe, Ito)."""
POINTS = 200
"""So many points a curve is drawn with."""
PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 1rem auto; max-width: 75rem;
  padding: 0 1rem; background: #fff; color: #1a1a1a; }}
table {{ border-collapse: collapse; display: block; overflow-x: auto; }}
th, td {{ text-align: left; padding: .3rem .9rem .3rem 0; border-bottom: 1px solid #ccc; }}
</style>
</head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""


def comparison(compared: Compared) -> go.Figure:
    """Return loss against steps and against time: median over seeds, band from best to worst."""
    figure = make_subplots(rows=1, cols=2, horizontal_spacing=0.09)
    for number, arm in enumerate(compared.arms):
        colour = COLOURS[number % len(COLOURS)]
        for column, clock in ((1, [1.0] * len(arm.losses)), (2, _pace(arm))):
            _draw(figure, arm, colour, column, clock)
    figure.update_yaxes(type="log", title_text="training loss")
    figure.update_xaxes(title_text="steps", row=1, col=1)
    figure.update_xaxes(title_text="seconds", row=1, col=2)
    figure.update_layout(
        template="plotly_white", height=520, legend={"orientation": "h", "y": -0.2}
    )
    return figure


def page(compared: Compared, title: str) -> str:
    """Return the table and the picture as one HTML page that opens without a network."""
    from unstuck.report.table import columns, rows

    heads = "".join(f"<th>{html.escape(head)}</th>" for head in columns(compared))
    lines = "".join(
        f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>"
        for row in rows(compared)
    )
    picture = comparison(compared).to_html(full_html=False, include_plotlyjs=True)
    said = "".join(f"<li>{html.escape(_said(arm))}</li>" for arm in compared.arms)
    body = (
        f"<table><tr>{heads}</tr>{lines}</table>\n{picture}\n"
        f"<p>Lines are medians over {len(compared.arms[0].values)} seeds, bands reach from the "
        f"lowest to the highest.</p>\n<ul>{said}</ul>"
    )
    return PAGE.format(title=html.escape(title), body=body)


def _said(arm: Arm) -> str:
    """Return what a curve shows and what was changed, for those who do not see it."""
    changed = f"; changed: {', '.join(arm.changes)}" if arm.changes else ""
    ends = [_last(losses) for losses in arm.losses if len(losses)]
    if arm.note or not ends:
        return f"{arm.label}: {arm.note or 'no curve'}{changed}"
    starts = [losses.values[0] for losses in arm.losses if len(losses)]
    way = f"from {median(starts):.3g} to {median(ends):.3g}"
    return f"{arm.label}: the training loss goes {way}{changed}"


def _last(losses: Series) -> float:
    return median(losses.values[-max(len(losses) // 10, 5) :])


def _pace(arm: Arm) -> list[float]:
    """Return the seconds a step takes in each run, on average."""
    return [
        seconds / max(len(losses), 1)
        for seconds, losses in zip(arm.seconds, arm.losses, strict=True)
    ]


def _draw(figure: go.Figure, arm: Arm, colour: str, column: int, clock: Sequence[float]) -> None:
    """Draw one arm: a band and a line."""
    curves = [_thinned(losses) for losses in arm.losses if len(losses) >= 2]
    if not curves:
        return
    count = min(len(curve) for curve in curves)
    pace = median(clock)
    x = [(step + 1) * pace for step in curves[0].steps[:count]]
    columns = list(zip(*(curve.values[:count] for curve in curves), strict=True))
    low, high = [min(values) for values in columns], [max(values) for values in columns]
    shown = {"legendgroup": arm.label, "name": arm.label, "hoverinfo": "skip", "showlegend": False}
    edge = {"width": 0, "color": colour}
    figure.add_scatter(x=x, y=high, line=edge, row=1, col=column, **shown)
    band = {"fill": "tonexty", "fillcolor": _faint(colour)}
    figure.add_scatter(x=x, y=low, line=edge, row=1, col=column, **band, **shown)
    figure.add_scatter(
        x=x,
        y=[median(values) for values in columns],
        line={"color": colour, "width": 2},
        name=arm.label,
        legendgroup=arm.label,
        showlegend=column == 1,
        row=1,
        col=column,
    )


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.15)"


def _thinned(losses: Series) -> Series:
    """Return medians over stretches of a series, at most POINTS."""
    width = max(1, -(-len(losses) // POINTS))
    starts = range(0, len(losses), width)
    values = [median(losses.values[i : i + width]) for i in starts]
    steps = [losses.steps[min(i + width, len(losses)) - 1] for i in starts]
    kept = [(s, v) for s, v in zip(steps, values, strict=True) if math.isfinite(v)]
    return Series(tuple(s for s, _ in kept), tuple(v for _, v in kept))
