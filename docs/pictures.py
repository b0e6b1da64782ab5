"""Small pictures of runs as SVG, for the pages: drawn when the site is built.

``python docs/pictures.py BEFORE.db AFTER.db`` prints the picture of the first page, of two records.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from statistics import median

from unstuck.obstacles import Obstacle
from unstuck.record import read
from unstuck.signals import Run, Series

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 330, 150, 44, 22, 20
Curves = Mapping[str, Series]
"""Name of a curve -> its values; the curves of layers in the order in which these run."""


def pair(kind: type[Obstacle]) -> str:
    """Return pictures of an obstacle's sick and healthy example, side by side."""
    signal = telling(kind)
    sick, healthy = both(kind.SICK, kind.HEALTHY, signal)
    finding = next(kind().check(kind.SICK))
    said = escape(f"Sick: {finding.message}.")
    alike = signal is None and list(kind.SICK.loss) == list(kind.HEALTHY.loss)
    same = " The curves do not tell it: it is a fact of the script." if alike else ""
    return (
        f'<div class="pair"><figure>{"".join(sick)}<figcaption>{said}{same}</figcaption></figure>'
        f"<figure>{''.join(healthy)}<figcaption>Healthy: nothing is said.</figcaption></figure>"
        "</div>"
    )


def telling(kind: type[Obstacle]) -> str | None:
    """Return the signal, besides the loss, in which the sick example differs from the healthy one.

    That of the finding's evidence if it is a signal; else the one that differs most.
    """
    finding = next(kind().check(kind.SICK))
    known = {signal for (_, signal), series in kind.SICK.series.items() if len(series) > 1}
    known -= {"loss", "batch_loss", "batch_accuracy"}
    stated = [signal for signal in finding.evidence if signal in known]
    if stated:
        return stated[0]
    apart = {signal: _apart(kind, signal) for signal in sorted(known)}
    widest = max(apart, key=lambda signal: apart[signal])
    return widest if apart[widest] > 0.2 else None


def _apart(kind: type[Obstacle], signal: str) -> float:
    """Return how many decades the medians of a signal lie apart, over the layers that both have."""
    found = [0.0]
    for (layer, name), series in kind.SICK.series.items():
        other = kind.HEALTHY.of(signal, layer).finite()
        here = series.finite()
        if name == signal and here and other and not signal.startswith("validation"):
            levels = [abs(median(s.values)) + 1e-6 for s in (here, other)]
            found.append(abs(math.log10(levels[0] / levels[1])))
    return max(found)


def both(left: Run, right: Run, signal: str | None) -> tuple[list[str], list[str]]:
    """Return pictures of the loss of two runs, and of one more signal, on the same axes."""
    drawn: tuple[list[str], list[str]] = ([], [])
    for title, pick in (("loss", losses), (signal, lambda run: measured(run, signal or ""))):
        if title is not None:
            curves = [pick(run) for run in (left, right)]
            shown = title.replace("_", " ") + (" of each layer" if len(curves[0]) > 2 else "")
            axis = _axis([v for each in curves for s in each.values() for v in s.finite().values])
            for side, each in zip(drawn, curves, strict=True):
                side.append(chart(shown, each, axis))
    return drawn


def losses(run: Run) -> dict[str, Series]:
    """Return the training loss, and a validation loss if there is one."""
    held = next((s for (_, n), s in run.series.items() if n.startswith("validation_loss")), None)
    return {"training loss": run.loss, **({"validation loss": held} if held else {})}


def measured(run: Run, signal: str) -> dict[str, Series]:
    """Return a signal of every layer, activation, or of the whole run."""
    order = [la.name for la in run.layers] + [a.name for a in run.activations] + [""]
    return {
        f"layer {name}" if name else signal: series
        for name in order
        if (series := run.of(signal, name))
    }


Axis = tuple[float, float, bool]
"""Lowest and highest value, and whether it is logarithmic."""


def _axis(values: Sequence[float]) -> Axis:
    """Return an axis for some values: from zero on, or logarithmic where they span decades."""
    if not values:
        return 0.0, 1.0, False
    low, high = min(values), max(values)
    if low > 0 and high > 30 * low:
        return low, high, True
    low = min(low, 0.0)
    return (low, high, False) if high > low else (low, low + 1, False)


def chart(title: str, curves: Curves, axis: Axis) -> str:
    """Return a line chart; the same is said in words for those who cannot see it."""
    low, high, _ = axis
    last = max((series.steps[-1] for series in curves.values() if series), default=1) or 1
    lines = []
    for index, (name, series) in enumerate(curves.items()):
        points = [
            (LEFT + (WIDTH - LEFT - 8) * step / last, _height(value, axis))
            for step, value in zip(series.steps, series.values, strict=True)
            if math.isfinite(value)
        ]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points[:: max(1, len(points) // 120)])
        hue = 8 + round(210 * index / max(len(curves) - 1, 1))
        lines.append(
            f'<polyline fill="none" stroke="hsl({hue},70%,50%)" stroke-width="1.6" '
            f'points="{path}"><title>{escape(name)}</title></polyline>'
        )
    ends = [name for name in dict.fromkeys([*list(curves)[:1], *list(curves)[-1:]]) if name]
    hues = [8, 218]
    legend = "".join(
        f'<text x="{WIDTH - 8 - 105 * (len(ends) - 1 - i)}" y="13" text-anchor="end" '
        f'style="fill:hsl({hues[i]},70%,45%)">{escape(name)}</text>'
        for i, name in enumerate(ends)
        if len(ends) > 1
    )
    said = escape(f"{title}: {_words(curves)}")
    bottom = HEIGHT - BOTTOM
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{said}" class="chart">'
        f'<text x="{LEFT}" y="13">{escape(title)}</text>{legend}'
        f'<path d="M{LEFT} {TOP}V{bottom}H{WIDTH - 8}" fill="none" stroke="currentColor" '
        f'opacity="0.4"/>'
        f'<text x="{LEFT - 4}" y="{TOP + 8}" text-anchor="end">{_number(high)}</text>'
        f'<text x="{LEFT - 4}" y="{bottom}" text-anchor="end">{_number(low)}</text>'
        f'<text x="{LEFT}" y="{HEIGHT - 6}">step 0</text>'
        f'<text x="{WIDTH - 8}" y="{HEIGHT - 6}" text-anchor="end">{last}</text>'
        f"{''.join(lines)}</svg>"
    )


def _height(value: float, axis: Axis) -> float:
    low, high, logarithmic = axis
    if logarithmic:
        value, low, high = math.log10(value), math.log10(low), math.log10(high)
    return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * (value - low) / (high - low)


def _number(value: float) -> str:
    return f"{value:.0e}" if value and not 1e-2 <= abs(value) < 1e4 else f"{value:.3g}"


def _words(curves: Curves) -> str:
    ends = [(name, s.finite().values) for name, s in curves.items() if s.finite()]
    chosen = ends if len(ends) < 3 else [ends[0], ends[-1]]
    said = "; ".join(f"{name} from {_number(v[0])} to {_number(v[-1])}" for name, v in chosen)
    return said or "nothing finite"


def before_and_after(before: Run, after: Run, signal: str) -> str:
    """Return two runs of the same script, the one that was stuck first."""
    captions = ("Before", "After the patch")
    sides = [
        f"<figure>{''.join(drawn)}<figcaption>{said}</figcaption></figure>"
        for drawn, said in zip(both(before, after, signal), captions, strict=True)
    ]
    return f'<div class="pair">{"".join(sides)}</div>\n'


if __name__ == "__main__":
    runs = [read(Path(name)).runs[0] for name in sys.argv[1:3]]
    sys.stdout.write(before_and_after(runs[0], runs[1], "gradient_rms"))
