"""The remedy stop-early."""

from __future__ import annotations

import ast
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from unstuck.edits import Insert
from unstuck.evidence import validation
from unstuck.findings import Finding, Location
from unstuck.frameworks.call_sites import unused
from unstuck.loops import epoch_loop, rounds
from unstuck.remedies import Change, Remedy, Settings
from unstuck.signals import Run
from unstuck.sources.passes import validation_pass
from unstuck.sources.script import Script

if TYPE_CHECKING:
    from unstuck.sources.keras_subject import KerasSubject

__all__ = ["StopEarly"]

SHARE = 0.1
"""Part of all passes that may be no better than the best before the training stops."""
FEWEST, MOST = 3, 10
"""At least so many, since a pass or two may be worse by chance, and at most."""

BEFORE = '$best, $state, $waited = float("inf"), None, 0\n'
WITHIN = """\
$waited += 1
if $value < $best:
    $best, $state, $waited = $value, copy.deepcopy($model.state_dict()), 0
if $waited == $patience:  # no better since: stop
    break
"""
AFTER = """\
if $state is not None:
    $model.load_state_dict($state)  # of the pass with the lowest loss
"""


class StopEarly(Remedy):
    """Stop when validation gets no better, and go back to the weights of its best pass.

    What it does:
        In the loop over epochs, a copy of the model's state is kept at each pass whose validation
        loss is the lowest so far. After some passes without a better one the loop ends, and behind
        it the best state is loaded: what the script evaluates or saves then is the best model. Of
        Keras, ``fit`` gets an ``EarlyStopping`` that restores the best weights.

    When it helps:
        Validation gets worse while training goes on.

    Settings:
        ``patience``: Passes without a better one after which to stop: a tenth of all, between 3
        and 10.

    Limits:
        The loop must hold its validation loss under a name, in a pass that is made in each of its
        turns or in some; elsewhere the loop and the best step are only named. Where the loop saves
        or loads states or breaks off by itself, nothing is done. A moment chosen on the test data
        makes the test optimistic.

    References:
        Prechelt, Early Stopping - But When?, 1998.
    """

    stage = "source"

    def settings(self, run: Run, finding: Finding) -> Sequence[Settings]:
        """Return how long to wait, if it is certain what to write."""
        if run.framework == "keras":
            fit = run.facts.get("fit") or {}
            patience = max(FEWEST, round((fit.get("epochs") or 0) * SHARE))
            return ({"patience": float(patience)},) if fit.get("validation_rows") else ()
        passes = validation(run)
        if passes is None or not passes[0]:
            return ()
        patience = min(max(FEWEST, round(SHARE * len(passes[0]))), MOST)
        settings = {"patience": float(patience)}
        return (settings,) if self.rewrite(run, settings) else ()

    def rewrite(self, run: Run, settings: Settings) -> Sequence[Change]:
        """Keep the best state, stop, and load it; see `Remedy.rewrite`."""
        found = validation_pass(run)
        if found is None or not _free(found.script, found.loop):
            return []
        script, last = found.script, found.block[-1]
        within, around = _place(script, last), _place(script, found.loop)
        if within is None or around is None:
            return []
        known = {"value": found.value, "model": found.model}
        known["patience"] = f"{settings.get('patience', FEWEST):.0f}"
        names = {"best": "best_loss", "state": "best_state", "waited": "waited"}
        known |= {key: unused(name, script.file) for key, name in names.items()}

        def filled(lines: str) -> str:
            for key, text in known.items():
                lines = lines.replace(f"${key}", text)
            return lines

        what = f"the weights of the pass with the lowest {found.value} are kept"
        return [
            Change(what, Insert(around, filled(BEFORE))),
            Change(what, Insert(within, filled(WITHIN), "after")),
            Change(what, Insert(around, filled(AFTER), "after")),
        ]

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


def _free(script: Script, loop: ast.For | ast.While) -> bool:
    """Return whether a loop neither stops by itself nor handles states."""
    if loop.orelse:
        return False
    for node in ast.walk(loop):
        if isinstance(node, (ast.Return, ast.Yield, ast.YieldFrom)):
            return False
        if isinstance(node, ast.Break) and script.loops(node)[0] is loop:
            return False
        if isinstance(node, ast.Attribute) and node.attr in ("state_dict", "load_state_dict"):
            return False
    return True


def _place(script: Script, statement: ast.stmt) -> Location | None:
    """Return the span by which an insertion finds a statement, None where nothing may follow it."""
    if not script.whole_lines(statement):
        return None
    if isinstance(statement, (ast.For, ast.AsyncFor)):
        return script.location(statement.iter)
    if isinstance(statement, (ast.If, ast.While)):
        return script.location(statement.test)
    if isinstance(statement, (ast.With, ast.AsyncWith)):
        return script.location(statement.items[0].context_expr)
    simple = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr, ast.Delete, ast.Assert)
    return script.location(statement) if isinstance(statement, simple) else None


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
