"""What a training is worth after so many steps: pure functions over runs."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Literal

from unstuck.evidence import kept_pass, middle, validation
from unstuck.signals import Run, Series
from unstuck.verdict import Objective

__all__ = ["metric", "objective", "printed", "value"]

PENALIZED = frozenset({"excessive-regularization", "underfitting"})
"""Obstacles of which a cure lowers the training loss by itself, because a penalty is part of it."""


RESCALED = frozenset({"softmax-before-cross-entropy"})
"""Obstacles whose cure makes the loss another number: of probabilities it is bounded."""

BALANCED = "balanced accuracy of training batches"


def objective(run: Run, obstacle: str, steps: int) -> Objective:
    """Return what trials are compared by after so many steps.

    Where a class is ignored, the mean share of each class that is recognized in the last training
    batches: a loss that weighs classes is another number, and accuracy rewards ignoring the rare
    one. Of a whole run whose loss was computed of the wrong thing, the accuracy: the right loss is
    another number. Otherwise the validation loss, else the validation accuracy, if a pass
    was made in the later half of these steps; else the training loss, without penalties that the
    script adds to it where the obstacle is such a penalty.

    Args:
        run: The control.
        obstacle: Its first diagnosis.
        steps: Steps that are compared.
    """
    if obstacle == "class-imbalance" and not math.isnan(value(run, BALANCED, steps)):
        return Objective(BALANCED, "max")
    if obstacle in RESCALED and run.complete:
        for name in ("validation accuracy", "training accuracy"):
            if not math.isnan(value(run, name, steps)):
                return Objective(name, "max")
    for name in ("validation loss", "validation accuracy"):
        if _recent(_validation(run, name), steps):
            return Objective(name, "min" if name == "validation loss" else "max")
    if obstacle in PENALIZED and run.of("batch_loss"):
        return Objective("loss without penalties")
    return Objective("training loss")


def value(run: Run, name: str, steps: int) -> float:
    """Return an objective after so many steps, NaN if it was not measured by then.

    Args:
        run: Any run.
        name: Of the objective.
        steps: How many steps of the run count.
    """
    if name == BALANCED:
        return next(reversed(run.of("balanced_accuracy").until(steps - 1).values), math.nan)
    if name == "training accuracy":
        last = run.of("batch_accuracy").until(steps - 1).finite().values[-10:]
        return sum(last) / len(last) if last else math.nan
    if name.startswith("validation"):
        run = run if steps >= run.steps else run.until(steps)
        if kept_pass(run) is not None:
            return (_validation(run, name).values or (math.nan,))[-1]
        recent = _recent(_validation(run, name), steps)
        return sum(recent) / len(recent) if recent else math.nan
    signal = "batch_loss" if name == "loss without penalties" else "loss"
    return _smooth(run.of(signal), steps - 1)


def metric(pattern: str, output: str) -> float:
    """Return the number that the last match of the user's pattern holds, NaN without one."""
    matches = re.findall(pattern, output)
    if not matches:
        return math.nan
    last = matches[-1]
    text = last if isinstance(last, str) else next((part for part in last if part), "")
    try:
        return float(text.rstrip("%"))
    except ValueError:
        return math.nan


_NUMBER = r"(-?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?%?)"
_LABELLED = re.compile(rf"((?:[A-Za-z][\w²-]*[ \t]+)*[A-Za-z][\w²-]*)([ \t]*[:=]?[ \t]*){_NUMBER}")
_GOALS: Mapping[str, Literal["min", "max"]] = {
    **dict.fromkeys(("accuracy", "acc", "f1", "auc", "r2", "r²", "score", "recall"), "max"),
    **dict.fromkeys(("loss", "error", "err", "mse", "rmse", "mae", "nll", "perplexity"), "min"),
}
_HELD_OUT = frozenset({"test", "val", "valid", "validation", "eval", "held-out", "holdout", "dev"})
_TRAINED = frozenset({"train", "training"})


def printed(output: str) -> tuple[str, Literal["min", "max"], str] | None:
    """Return the pattern of the score that a script prints last, and whether it is to be small.

    That is a number behind words of which one names a score (``test accuracy: 0.91``); one of
    held-out data comes before others, one of the training does not count.

    Args:
        output: What the script printed.

    Returns:
        A pattern for `metric`, the goal, and these words; None where nothing of the kind was
        printed.
    """
    found = []
    for match in _LABELLED.finditer(output):
        words = re.split(r"[\s_]+", match[1].lower())
        goals = [_GOALS[word] for word in words if word in _GOALS]
        if goals and not _TRAINED.intersection(words):
            pattern = rf"{re.escape(match[1])}[ \t]*[:=]?[ \t]*{_NUMBER}"
            held_out = bool(_HELD_OUT.intersection(words))
            found.append((held_out, match.start(), pattern, goals[-1], match[1]))
    best = max(found, default=None)
    return None if best is None else best[2:]


def _validation(run: Run, name: str) -> Series:
    passes = validation(run)
    if passes is None:
        return Series()
    return passes[0] if name == "validation loss" else passes[1]


def _recent(series: Series, steps: int) -> Sequence[float]:
    """Return up to two last values, none older than half of the steps."""
    values: Sequence[float] = series.until(steps).since(steps // 2).values[-2:]
    return values


def _smooth(losses: Series, step: int) -> float:
    """Return the median of the last values up to a step, a tenth of them."""
    seen = losses.until(step)
    tail = seen.values[-min(max(len(seen) // 10, 5), 100) :]
    if tail and not math.isfinite(tail[-1]):
        return math.inf
    return middle(tail) if tail else math.nan
