"""One training in pictures: its losses, what was measured in layers, what findings rest on."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from statistics import median

from unstuck.findings import Finding
from unstuck.report import curves, digits, heat, shares
from unstuck.report.page import Cell, picture, table
from unstuck.signals import SIGNALS, Run

__all__ = ["pictures", "telling"]

Numbered = Sequence[tuple[int, Finding]]
"""Findings with the numbers that they have on the page."""
ALWAYS: Mapping[str, tuple[str, str]] = {
    "gradient_rms": ("Gradient", "The size (root mean square) of the gradient"),
    "output_rms": ("Activations", "The size (root mean square) of what a layer puts out"),
    "update_ratio": ("Update-to-weight ratio", "What a step changes, over the size of the weight"),
    "dead_share": ("Dead units", "The share of units that were zero for every sampled input"),
    "saturated_share": ("Saturated units", "The share of outputs at an activation's flat ends"),
}
"""What is shown of every training: signal -> title, and what it is."""
NEEDED: Mapping[str, tuple[str, str]] = {
    "sample_std": ("Spread over the batch", "How far a layer's outputs differ between the inputs"),
    "unit_spread": ("Differences between units", "How far the weights of a layer's units differ"),
    "active_rms": ("Activated outputs", "The size of what an activation puts out"),
    "weight_rms": ("Weights", "The size (root mean square) of the weight"),
}
"""What is shown where a finding rests on it; other signals have titles of their names."""


def pictures(run: Run, numbered: Numbered) -> str:
    """Return the pictures of one training as HTML, those that its diagnosis rests on first.

    Args:
        run: The training.
        numbered: Its findings.
    """
    leading = [finding for _, finding in numbered if finding.consequence_of is None]
    culprits = _culprits(run, next((f.layers for f in leading if f.layers), ()))
    needed = [signal for finding in leading for signal in finding.evidence]
    own = [s for s in dict.fromkeys(needed) if s not in ALWAYS and _by_layer(run, s)]
    signals = sorted([*ALWAYS, *own], key=lambda signal: signal not in needed)
    shown = [_loss(run, numbered)]
    shown += [
        _curve(run, signal, numbered) for signal in dict.fromkeys(needed) if _alone(run, signal)
    ]
    shown += [drawn for signal in signals for drawn in _layers(run, signal, culprits)]
    return "".join(shown)


def telling(finding: Finding, run: Run) -> str:
    """Return the one picture, as HTML, in which a finding is seen best.

    That is the first thing that it rests on and that was measured in layers; else what was measured
    over the steps; else the loss, with where it began.

    Args:
        finding: The finding.
        run: What it was found in.
    """
    for signal in finding.evidence:
        if _by_layer(run, signal):
            found = [*_layers(run, signal, _culprits(run, finding.layers))]
            if found:
                return found[0]
    numbered = [(1, finding)]
    alone = next((signal for signal in finding.evidence if _alone(run, signal)), None)
    return _loss(run, numbered) if alone is None else _curve(run, alone, numbered)


def _culprits(run: Run, names: Sequence[str]) -> set[str]:
    """Return layers with the activations behind them."""
    return {*names, *(la.activation_name or "" for la in run.layers if la.name in names)}


def _by_layer(run: Run, signal: str) -> bool:
    """Return whether a signal was measured in layers or activations."""
    return any(name and of == signal and values for (name, of), values in run.series.items())


def _alone(run: Run, signal: str) -> bool:
    """Return whether a signal of the whole run, other than the loss, changed while it trained."""
    return signal in SIGNALS and signal != "loss" and len({*run.of(signal).finite()}) > 1


# -------------------------------------------------------------------------------- over the steps


def _loss(run: Run, numbered: Numbered) -> str:
    losses = run.loss.finite()
    held = curves.held_out(run)
    said = "No loss was measured" if not losses else f"The training loss goes {_way(losses.values)}"
    if held:
        said += f"; the validation loss {_way(held.values)}, at its best {digits(min(held))}"
    if len(losses) < len(run.loss):
        lost = next(step for step, value in run.loss.pairs() if not math.isfinite(value))
        said += f"; from step {lost} on it is not always a finite number"
    chosen = curves.spread(len(losses), 11)
    rows: list[list[Cell]] = [[str(losses.steps[i]), losses.values[i]] for i in chosen]
    heads = ["step", "training loss"]
    if held:
        heads.append("validation loss")
        rows = [[*row, held.at(int(str(row[0])))] for row in rows]
    told = f"{said}. {_began(numbered)}"
    return picture("Loss", curves.losses(run, numbered), told.strip(), table(heads, rows))


def _curve(run: Run, signal: str, numbered: Numbered) -> str:
    series = run.of(signal).finite()
    name = signal.replace("_", " ")
    rows: list[list[Cell]] = [
        [str(series.steps[i]), series.values[i]] for i in curves.spread(len(series), 11)
    ]
    told = f"{name.capitalize()} ({SIGNALS[signal]}) goes {_way(series.values)}. {_began(numbered)}"
    drawn = curves.signal(run, signal, numbered)
    return picture(name.capitalize(), drawn, told.strip(), table(["step", name], rows))


def _way(values: Sequence[float]) -> str:
    end = median(values[-max(len(values) // 20, 1) :])
    return f"from {digits(values[0])} to {digits(end)}"


def _began(numbered: Numbered) -> str:
    return " ".join(
        f"Finding {place}, {finding.obstacle}, begins at step {finding.steps[0]}."
        for place, finding in numbered
    )


# -------------------------------------------------------------------------------- over the layers


def _layers(run: Run, signal: str, culprits: Collection[str]) -> Iterator[str]:
    """Yield the pictures of a signal over layers; none where it was not measured, or only zero."""
    name = signal.replace("_", " ").capitalize()
    title, what = {**ALWAYS, **NEEDED}.get(signal, (name, name))
    names = [layer.name for layer in run.layers if layer.matrix]
    names += [activation.name for activation in run.activations if not activation.output]
    found = heat.heat(run, signal, names, culprits)
    if found is None or not any(value for row in found.values for value in row):
        return
    yield _heat(title, what, found)
    if found.share and len(found.names) >= shares.FEWEST:
        yield _spread(run, title, found)


def _heat(title: str, what: str, shown: heat.Heat) -> str:
    sizes = [(size, name) for size, name in zip(shown.typical, shown.names, strict=True)]
    sizes = [pair for pair in sizes if math.isfinite(pair[0])]
    low, high = min(sizes, default=(math.nan, "")), max(sizes, default=(math.nan, ""))

    def written(size: float) -> str:
        return f"{size:.0%}" if shown.share else digits(size)

    said = f"{what}, the median over the steps: "
    if low[1] == high[1]:
        said += f"{written(low[0])} in `{low[1]}`"
    else:
        said += f"from {written(low[0])} in `{low[1]}` to {written(high[0])} in `{high[1]}`"
    if shown.marked:
        named = [name for name in shown.names if name in shown.marked]
        more = f" and {len(named) - 3} more" if len(named) > 4 else ""
        marked = named if len(named) <= 4 else named[:3]
        said += f". Marked: {', '.join(f'`{name}`' for name in marked)}{more}"
    if shown.left_out:
        said += f". {shown.left_out} layers between these are left out"
    if any(v is None or not math.isfinite(v) for row in shown.values for v in row):
        said += ". Blank: not measured, or no finite number"
    heads, rows = heat.table(shown)
    chosen = [name in shown.marked for name in shown.names]
    return picture(title, heat.draw(shown), f"{said}.", table(heads, rows, marked=chosen))


def _spread(run: Run, title: str, shown: heat.Heat) -> str:
    """Return how a share is spread over the layers, at a few of the steps."""
    units = {activation.name: activation.units for activation in run.activations}
    columns = shares.columns(shown, units)
    first, last = columns[0], columns[-1]
    said = (
        f"{first.many} of {len(first.values)} layers are above one half at step {first.step}, "
        f"{last.many} of {len(last.values)} at step {last.step}; the middle layer goes from "
        f"{median(first.values):.0%} to {median(last.values):.0%}. A point is a layer, a box holds "
        "the middle half of them"
    )
    heads, rows = shares.table(columns)
    return picture(
        f"{title}: spread over the layers",
        shares.draw(shown, columns),
        f"{said}.",
        table(heads, rows),
    )
