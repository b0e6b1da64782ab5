"""The remedy stop-early."""

from __future__ import annotations

import ast
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from unstuck.evidence import validation
from unstuck.findings import Finding, Location
from unstuck.loops import epoch_loop, rounds
from unstuck.remedies import Change, Remedy, Settings
from unstuck.signals import Run
from unstuck.sources.script import Script

if TYPE_CHECKING:
    from unstuck.sources.keras_subject import KerasSubject

__all__ = ["StopEarly"]


class StopEarly(Remedy):
    """Stop where validation was best, or go back to the weights of that moment.

    What it does:
        Of Keras, ``fit`` gets an ``EarlyStopping`` on the validation loss that restores the best
        weights. Of a loop written out, nothing by itself: it names the step and the epoch at which
        the validation loss was lowest and the loop to change.

    When it helps:
        Validation gets worse while training goes on.

    Settings:
        ``patience``: a tenth of the epochs, at least 3.

    Limits:
        The best moment of one run is another one with other seeds: where it matters, keep the
        weights of the best pass. A moment chosen on the test data makes the test optimistic.

    References:
        Prechelt, Early Stopping - But When?, 1998.
    """

    stage = "training"

    def settings(self, run: Run, finding: Finding) -> Sequence[Settings]:
        """Return the patience for a run that ``fit`` validates; nothing for a loop of its own."""
        fit = run.facts.get("fit") or {}
        if not fit.get("validation_rows"):
            return ()
        return ({"patience": float(max(3, round((fit.get("epochs") or 0) / 10)))},)

    def apply_keras(self, subject: KerasSubject, settings: Settings) -> list[Change]:
        """Give `fit` the callback; see `Remedy.apply_keras`."""
        patience = round(settings.get("patience", 3.0))
        stopping = f"{subject.root}.callbacks.EarlyStopping"
        return subject.add_callback(
            f'{stopping}(monitor="val_loss", patience={patience}, restore_best_weights=True)'
        )

    def place(self, run: Run) -> Location | None:
        """Return the loop over epochs."""
        script = Script.read(run.optimizer.step_location)
        loop = epoch_loop(script, run.optimizer.step_location) if script is not None else None
        if script is None or loop is None:
            return run.optimizer.step_location
        return Location(script.file, loop.lineno)

    def display(self, run: Run, settings: Settings) -> str:
        """Say where validation was best, and what the loop should be."""
        best = _best(run)
        if best is None:
            return super().display(run, settings)
        name, value, last, step, number, count = best
        text = (
            f"{name} was best after step {step} of {run.steps} (pass {number} of {count}: "
            f"{value:.3g}, {last:.3g} at the end)"
        )
        shorter = _shorter(run, step)
        return f"{text}: stop there{shorter}, or keep the weights of that pass"


def _best(run: Run) -> tuple[str, float, float, int, int, int] | None:
    """Return what was validated, its best value and its last, the steps and passes until then."""
    passes = validation(run)
    if passes is None:
        return None
    losses, accuracies = (series.finite() for series in passes)
    series, name = (losses, "validation loss") if losses else (accuracies, "validation accuracy")
    if not series:
        return None
    choose = min if losses else max
    index = series.values.index(choose(series.values))
    return (
        name,
        series.values[index],
        series.values[-1],
        series.steps[index] + 1,
        index + 1,
        len(series),
    )


def _shorter(run: Run, step: int) -> str:
    """Return the loop over epochs as it would be, to be put into a sentence."""
    script = Script.read(run.optimizer.step_location)
    loop = epoch_loop(script, run.optimizer.step_location) if script is not None else None
    count = rounds(loop) if loop is not None else None
    if script is None or count is None:
        return ""
    share = step / max(run.steps, 1)
    if isinstance(count, ast.Constant) and isinstance(count.value, int):
        fewer = str(max(1, math.ceil(count.value * share - 1e-9)))
    else:
        fewer = f"{share:.0%} of it"
    return f" ({script.text(count)} -> {fewer} in the loop over epochs)"
