"""Pictures of curves, made by Plotly: losses with findings, proofs, remedies side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import plotly.graph_objects as go

from unstuck.evidence import validation
from unstuck.findings import Finding, Severity
from unstuck.report import Curve
from unstuck.report.page import label
from unstuck.side_by_side import Arm, Compared
from unstuck.signals import Run, Series
from unstuck.verdict import Verdict

__all__ = [
    "comparison",
    "held_out",
    "losses",
    "proof",
    "signal",
    "spread",
    "styled",
    "to_the_end",
    "values",
]

COLOURS = (
    *("#7d8792", "#1f7fbf", "#d55e00", "#009e73", "#c565a0"),
    *("#b87800", "#3a8fc4", "#9a6bb5", "#a86a5c", "#0e9aa7"),
)
"""The untreated run in grey; then colours that colour-blind people can tell apart (after Okabe and
Ito), each with a contrast of at least 3 to a white and to a black page (WCAG 2.2, 1.4.11)."""
SEVERE = {Severity.ERROR: "#d1372c", Severity.WARNING: "#a06400", Severity.INFO: "#2f74c0"}
POINTS = 200
"""So many points a curve of several is drawn with; a training's own loss, three times as many."""

OVERLAY = {"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True}
"""The axis at which findings are marked, whatever the curve's own is."""


def styled(figure: go.Figure, height: int, **layout: Any) -> go.Figure:
    """Return a figure with what all pictures have in common; its colours come from the page."""
    quiet = {"color": None, "zeroline": False, "automargin": True, "ticks": ""}
    figure.update_xaxes(**quiet)
    figure.update_yaxes(title_standoff=12, **quiet)
    figure.update_layout(
        template=None,
        height=height,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": "system-ui, -apple-system, 'Segoe UI', sans-serif", "size": 13},
        margin={"l": 10, "r": 10, "t": 10, "b": 10},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "xanchor": "left"},
        hoverlabel={"font": {"size": 13}, "align": "left", "namelength": -1},
        meta={"font.size": 11, "hoverlabel.font.size": 12},
    )
    figure.update_layout(**layout)
    return figure


# -------------------------------------------------------------------------------- one training


def losses(run: Run, numbered: Sequence[tuple[int, Finding]]) -> go.Figure:
    """Return a run's training and validation loss, and where each finding began.

    Args:
        run: The run.
        numbered: Its findings with the numbers that they have on the page.
    """
    figure = go.Figure()
    width = max(1, -(-len(run.loss) // (3 * POINTS)))
    parts = [(part.steps[-1], part.finite().values) for part in run.loss.stretches(width)]
    shown = [(step, values) for step, values in parts if values]
    steps = [step for step, _ in shown]
    if width > 1:
        lows, highs = [min(v) for _, v in shown], [max(v) for _, v in shown]
        _band(figure, steps, lows, highs, COLOURS[1], "training loss")
    figure.add_scatter(
        x=steps,
        y=[median(values) for _, values in shown],
        name="training loss",
        legendgroup="training loss",
        line={"color": COLOURS[1], "width": 2},
        hovertemplate="step %{x}<br>training loss %{y:.4g}<extra></extra>",
    )
    held = held_out(run)
    if held:
        figure.add_scatter(
            x=held.steps,
            y=held.values,
            name="validation loss",
            mode="lines+markers",
            line={"color": COLOURS[2], "width": 2, "dash": "dot"},
            marker={"size": 6, "symbol": "diamond"},
            hovertemplate="step %{x}<br>validation loss %{y:.4g}<extra></extra>",
        )
    everything = [v for _, values in shown for v in (min(values), max(values))] + list(held)
    end = _end(run, [finding.steps[0] for _, finding in numbered])
    _marks(figure, numbered, end)
    figure.update_xaxes(title_text="step", range=_room(end, numbered))
    figure.update_yaxes(title_text="loss", **_scale(everything))
    return styled(figure, 400, yaxis2=dict(OVERLAY))


def signal(run: Run, name: str, numbered: Sequence[tuple[int, Finding]]) -> go.Figure:
    """Return a signal of the whole run over its steps, and where each finding began.

    Args:
        run: The run.
        name: The signal.
        numbered: The run's findings with the numbers that they have on the page.
    """
    series = run.of(name).finite()
    stays = name == "learning_rate"  # it is noted where it changes, and holds until then
    if stays and series.steps[-1] < run.steps - 1:
        series = Series((*series.steps, run.steps - 1), (*series.values, series.values[-1]))
    shown = series.thinned(max(1, -(-len(series) // (3 * POINTS))))
    said = name.replace("_", " ")
    figure = go.Figure()
    figure.add_scatter(
        x=shown.steps,
        y=shown.values,
        mode="lines",
        name=said,
        line={"color": COLOURS[1], "width": 2, "shape": "hv" if stays else "linear"},
        hovertemplate=f"step %{{x}}<br>{said} %{{y:.4g}}<extra></extra>",
    )
    end = _end(run, [finding.steps[0] for _, finding in numbered])
    _marks(figure, numbered, end)
    figure.update_xaxes(title_text="step", range=_room(end, numbered))
    figure.update_yaxes(title_text=said, **_scale(shown.values))
    return styled(figure, 320, yaxis2=dict(OVERLAY))


def _end(run: Run, began: Sequence[int]) -> int:
    """Return the last step to be seen: of a run whose loss is lost early, not all that follows."""
    last = max(run.steps - 1, 1)
    finite = run.loss.finite().steps
    if finite and 4 * finite[-1] < last and not math.isfinite(run.loss.values[-1]):
        return min(last, max(4 * finite[-1], *began, 20))
    return last


def _room(end: int, numbered: Sequence[tuple[int, Finding]]) -> list[float]:
    """Return the steps that the axis reaches to: a mark at the first is not on the axis's names."""
    return [(-0.05 if numbered else -0.02) * end, 1.02 * end]


def held_out(run: Run) -> Series:
    """Return the losses of a run's held-out passes, thinned; empty without any."""
    passes = validation(run)
    if passes is None:
        return Series()
    return passes[0].thinned(max(1, -(-len(passes[0]) // POINTS)))


def spread(count: int, most: int) -> list[int]:
    """Return at most so many places among `count`, evenly spread, the first and last among them."""
    if count <= most or most < 2:
        return list(range(min(count, most)))
    return sorted({round(i * (count - 1) / (most - 1)) for i in range(most)})


def _marks(figure: go.Figure, numbered: Sequence[tuple[int, Finding]], last: int) -> None:
    """Mark where findings began; those that begin close together stand below each other."""
    placed: list[float] = []
    x, y = [], []
    for _, finding in numbered:
        began = finding.steps[0]
        near = sum(abs(began - other) < 0.07 * last for other in placed)
        placed.append(began)
        x.append(began)
        y.append(max(0.95 - 0.1 * near, 0.05))
    for step in dict.fromkeys(x):
        figure.add_vline(x=step, line={"color": COLOURS[0], "width": 1, "dash": "dot"})
    if not numbered:
        return
    figure.add_scatter(
        x=x,
        y=y,
        yaxis="y2",
        mode="markers+text",
        name="findings, where they began",
        text=[str(number) for number, _ in numbered],
        textfont={"color": "#ffffff", "size": 12},
        marker={
            "size": 20,
            "color": [SEVERE[finding.severity] for _, finding in numbered],
            "line": {"color": "#ffffff", "width": 1},
        },
        customdata=[label(_said(finding)) for _, finding in numbered],
        hovertemplate="%{customdata}<extra></extra>",
        cliponaxis=False,
    )


def _said(finding: Finding) -> str:
    first, last = finding.steps
    when = f"step {first}" if first == last else f"steps {first} to {last}"
    return f"{finding.code} {finding.obstacle}, {when}"


def _scale(values: Sequence[float]) -> dict[str, Any]:
    """Return a logarithmic axis where values are positive and lie more than a decade apart."""
    if not values or min(values) <= 0 or max(values) <= 10 * min(values):
        return {}
    decades = math.log10(max(values)) - math.log10(min(values))
    if decades < 2:
        return {"type": "log", "dtick": "D2", "tickformat": ".2~g"}
    # Plotly writes powers a quarter larger than other numbers.
    powers = {"exponentformat": "power", "tickfont": {"size": 10.4}}
    return {"type": "log", "dtick": math.ceil(decades / 6), **powers}


def _band(
    figure: go.Figure,
    x: Sequence[float],
    low: Sequence[float],
    high: Sequence[float],
    colour: str,
    group: str,
) -> None:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    shown = {"legendgroup": group, "name": group, "hoverinfo": "skip", "showlegend": False}
    edge = {"width": 0, "color": colour}
    figure.add_scatter(x=x, y=high, line=edge, mode="lines", **shown)
    fill = {"fill": "tonexty", "fillcolor": f"rgba({red},{green},{blue},0.22)"}
    figure.add_scatter(x=x, y=low, line=edge, mode="lines", **fill, **shown)


# -------------------------------------------------------------------------------- several trainings


@dataclass(frozen=True)
class _Many:
    """Curves of one kind over several seeds.

    Attributes:
        name: What they are.
        colour: How they are drawn.
        series: One a seed, taken at the same steps as far as they go.
        pace: What a step is on the x axis.
    """

    name: str
    colour: str
    series: Sequence[Series]
    pace: float = 1.0


def _draw(figure: go.Figure, many: _Many) -> None:
    """Draw curves of several seeds as a band from lowest to highest and a line of medians."""
    curves = [series for series in many.series if series]
    if not curves:
        return
    reach = min(len(curve) for curve in curves)
    x = [(step + 1) * many.pace for step in curves[0].steps[:reach]]
    columns = list(zip(*(curve.values[:reach] for curve in curves), strict=True))
    if len(curves) > 1:
        low, high = [min(values) for values in columns], [max(values) for values in columns]
        _band(figure, x, low, high, many.colour, many.name)
    figure.add_scatter(
        x=x,
        y=[median(values) for values in columns],
        mode="lines" if reach > 1 else "markers",
        line={"color": many.colour, "width": 2},
        name=label(many.name),
        legendgroup=many.name,
        hovertemplate=f"%{{x:.4~g}}: %{{y:.4g}}<extra>{label(many.name)}</extra>",
    )


def comparison(compared: Compared, *, seconds: bool = False) -> go.Figure:
    """Return the training loss of each arm: median over seeds, band from best to worst.

    Args:
        compared: What was compared.
        seconds: Whether it is drawn over time, not over steps.
    """
    figure = go.Figure()
    longest = max((len(series) for arm in compared.arms for series in arm.losses), default=1)
    width = max(1, -(-longest // POINTS))
    thin = [
        [losses.thinned(width) for losses in arm.losses if len(losses) >= 2]
        for arm in compared.arms
    ]
    for number, (arm, series) in enumerate(zip(compared.arms, thin, strict=True)):
        colour = COLOURS[number % len(COLOURS)]
        _draw(figure, _Many(arm.label, colour, series, _pace(arm) if seconds else 1.0))
    _axes(figure, [series for arm in thin for series in arm], "training loss")
    figure.update_xaxes(title_text="seconds" if seconds else "steps")
    return styled(figure, 400)


def _pace(arm: Arm) -> float:
    """Return the seconds that a step takes, on average."""
    paces = [
        seconds / len(losses)
        for seconds, losses in zip(arm.seconds, arm.losses, strict=True)
        if len(losses)
    ]
    return median(paces) if paces else 1.0


def proof(curves: Sequence[Curve], signal: str) -> go.Figure:
    """Return how control and treated trials went.

    Args:
        curves: Of the trials, as far as they are compared.
        signal: ``loss`` or ``validation``.
    """
    figure = go.Figure()
    for treated in (False, True):
        series = [getattr(curve, signal) for curve in curves if curve.treated == treated]
        _draw(figure, _side(treated, series))
    name = "training loss" if signal == "loss" else "validation loss"
    _axes(figure, [getattr(curve, signal) for curve in curves], name)
    return styled(figure, 360)


def to_the_end(curves: Sequence[Curve]) -> go.Figure:
    """Return the losses of the script as it is and of the patched one, as far as each was run."""
    figure = go.Figure()
    whole = [curve for curve in curves if curve.whole]
    for curve in whole:
        side = _side(curve.treated, ())
        for series, name, dash in (
            (curve.loss, f"{side.name}: training loss", "solid"),
            (curve.validation, f"{side.name}: validation loss", "dot"),
        ):
            if series:
                figure.add_scatter(
                    x=[step + 1 for step in series.steps],
                    y=series.values,
                    mode="lines" if len(series) > 1 else "markers",
                    name=name,
                    line={"color": side.colour, "width": 2, "dash": dash},
                    hovertemplate=f"%{{x}}: %{{y:.4g}}<extra>{name}</extra>",
                )
    _axes(figure, [s for c in whole for s in (c.loss, c.validation)], "loss")
    return styled(figure, 360)


def values(verdict: Verdict) -> go.Figure:
    """Return the objective of every seed: the control's and the treated trial's, joined."""
    figure = go.Figure()
    assert verdict.objective is not None
    for number, pair in enumerate(zip(verdict.before, verdict.after, strict=True)):
        figure.add_scatter(
            x=["as it is", "patched"],
            y=[value if math.isfinite(value) else None for value in pair],
            mode="lines+markers",
            line={"color": COLOURS[0], "width": 1},
            marker={"size": 12, "color": [COLOURS[0], COLOURS[3]]},
            hovertemplate=f"%{{x}}, pair {number + 1}: %{{y:.4g}}<extra></extra>",
            showlegend=False,
        )
    figure.update_xaxes(range=[-0.4, 1.4])
    numbers = [v for v in (*verdict.before, *verdict.after) if math.isfinite(v)]
    figure.update_yaxes(title_text=label(verdict.objective.name, 40), **_scale(numbers))
    return styled(figure, 320)


def _side(treated: bool, series: Sequence[Series]) -> _Many:
    return _Many("patched" if treated else "as it is", COLOURS[3 if treated else 0], series)


def _axes(figure: go.Figure, series: Sequence[Series], name: str) -> None:
    numbers = [value for one in series for value in one]
    figure.update_xaxes(title_text="steps")
    figure.update_yaxes(title_text=name, **_scale(numbers))
