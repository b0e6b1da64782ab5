"""Logs of others as runs, and which obstacles can be judged from what they hold."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from unstuck import registry
from unstuck.log_files import HELD_OUT, TRAINING, LogError, Rows, rows, words
from unstuck.obstacles import Obstacle
from unstuck.record import Recording
from unstuck.signals import Loss, Optimizer, Run, Series

__all__ = ["CURVES", "LogError", "beyond", "cut", "read", "signal_of"]

CURVES: Mapping[str, str] = {
    "loss": "the training loss",
    "validation_loss": "the validation loss",
    "validation_accuracy": "the validation accuracy",
    "batch_accuracy": "the training accuracy",
    "learning_rate": "the learning rate",
    "gradient_norm": "the gradient norm",
}
"""The signals that a log may hold, as a person calls them."""

STEPS = ("step", "global_step", "iteration", "iter", "update", "batch")
"""Names of the column that counts optimizer steps; without one, epochs or rows are counted."""
_AVERAGES = frozenset({"epoch", "step", "mean", "avg", "average", "total", "running", "metrics"})
_KINDS = frozenset({"binary", "sparse", "categorical", "multiclass", "top"})


def read(path: str | os.PathLike[str]) -> Recording:
    """Read a log that others wrote; every training in it is a run without layers.

    The run's `script` is the name of the training: that of the file or of its folder. A step is
    what the log counts: a step, an epoch, or a row; its value may be that of one batch or a mean
    over many. The fact "log" says so.

    Raises:
        LogError: When the file cannot be read, or no training loss is in it.
    """
    file = Path(path)
    if not file.exists():
        raise LogError(f"there is no record and no log at {file}")
    runs: list[Run] = []
    columns: set[str] = set()
    for name, given in rows(file).items():
        columns |= {column for row in given for column in row}
        unit, parts = _trainings(given)
        trained = [run for part in parts if (run := _run(part, unit)).loss]
        runs += [replace(run, index=len(runs) + i, script=name) for i, run in enumerate(trained)]
    if not runs:
        shown = [re.sub(r"[^\w/.: -]", "?", column)[:40] for column in sorted(columns)[:8]]
        named = ", ".join(shown) or "nothing that is a number"
        raise LogError(f"{file} is no record, and no log with a training loss; it has {named}")
    return Recording(str(file), tuple(runs), {"log": runs[0].facts["log"]})


def cut(run: Run, signals: Iterable[str], log: Mapping[str, Any] | None = None) -> Run:
    """Return what a log with these signals would say of a run."""
    kept = set(signals)
    return Run(
        steps=run.steps,
        series={k: v for k, v in run.series.items() if not k[0] and k[1].partition(":")[0] in kept},
        optimizer=Optimizer("?"),
        loss_function=Loss(),
        facts={"log": dict(log or {})},
        index=run.index,
    )


@cache
def _found(name: str, signals: frozenset[str]) -> bool:
    """Return whether a log with these signals would show the obstacle's own sick example."""
    kind = registry.obstacle(name)
    return any(kind().check(cut(kind.SICK, signals)))


def beyond(recording: Recording, obstacles: Sequence[type[Obstacle]]) -> dict[str, str]:
    """Return the obstacles that can't be judged from a log, each with what it would take.

    An obstacle can be judged if it is still found in its own sick example when of that nothing is
    left but the signals that the log has.

    Args:
        recording: What `read` returned, or a record, from which everything can be judged.
        obstacles: Those that are looked for.
    """
    if "log" not in recording.facts:
        return {}
    present = frozenset(s for run in recording.runs for s in run.facts["log"]["signals"])
    reasons = {}
    for kind in obstacles:
        if _found(kind.name(), present):
            continue
        if _found(kind.name(), frozenset(CURVES)):
            missing = [s for s in CURVES if not _found(kind.name(), frozenset(CURVES) - {s})]
            names = [CURVES[s] for s in missing if s not in present]
            reasons[kind.name()] = f"needs {' and '.join(names)}, which this log has not"
        else:
            reasons[kind.name()] = "needs what `unstuck run` measures inside the training"
    return reasons


# ------------------------------------------------------------------------------- rows to runs


Counted = list[tuple[int, Mapping[str, float]]]
"""Rows, each with the step, epoch or row that it was logged at; these ascend."""


def _trainings(given: Rows) -> tuple[str, list[Counted]]:
    """Return what is counted, and the rows of each training.

    A count that starts over is another training. One that goes back part of the way is a training
    that was resumed: what it had logged beyond that point is replaced.
    """
    column, unit = _clock(given)
    parts: list[Counted] = [[]]
    last = -1
    for index, row in enumerate(given):
        at = index if column is None else int(row.get(column, last))
        part = parts[-1]
        if part and at < last:
            if at <= part[0][0]:
                parts.append([])
            else:
                part[:] = [(earlier, r) for earlier, r in part if earlier < at]
        parts[-1].append((at, row))
        last = at
    return unit, parts


def _clock(given: Rows) -> tuple[str | None, str]:
    """Return the column that counts, and what: steps, epochs, or None and rows."""
    names = {name for row in given for name in row}
    epochs = next((n for n in sorted(names) if n.strip().lower() in ("epoch", "epochs")), None)
    by_name = {"_".join(words(name)): name for name in sorted(names)}
    steps = next((by_name[name] for name in STEPS if name in by_name), None)
    counts = [row[steps] for row in given if steps in row] if steps else []
    passes = [row[epochs] for row in given if epochs in row] if epochs else []
    if steps and _counting(counts):
        if _falls(counts) and passes and not _falls(passes):
            return None, "row"  # it counts the batches of each epoch
        return steps, "step"
    return (epochs, "epoch") if epochs and _counting(passes) else (None, "row")


def _counting(values: Sequence[float]) -> bool:
    return bool(values) and all(v.is_integer() and v >= 0 for v in values)


def _falls(values: Sequence[float]) -> bool:
    return any(after < before for before, after in pairwise(values))


def _run(given: Counted, unit: str) -> Run:
    columns: dict[str, dict[int, float]] = {}
    for at, row in given:
        for name, value in row.items():
            columns.setdefault(name, {})[at] = value
    best: dict[str, str] = {}
    for name in sorted(columns, key=lambda name: (-len(columns[name]), len(name), name)):
        signal = signal_of(name)
        if signal is not None:
            best.setdefault(signal, name)
    series = {("", signal): _series(columns[name], signal) for signal, name in best.items()}
    for _, signal in list(series):  # what is held out is looked for by its losses
        series.setdefault(("", signal.replace("validation_accuracy", "validation_loss")), Series())
    last = max((at for s in series.values() for at in s.steps), default=-1)
    log = {
        "unit": unit,
        "signals": sorted({signal.partition(":")[0] for signal in best}),
        "rewards": any({"reward", "rew", "return"} & set(words(name)) for name in columns),
    }
    return cut(Run(steps=last + 1, series=series), CURVES, log)


def signal_of(column: str) -> str | None:
    """Return which signal a column holds, None if none; several held-out sets are kept apart."""
    found = words(column)
    held = next((w for w in found if w in HELD_OUT), None)
    rest = [w for w in found if not w.isdigit() and w not in TRAINING | HELD_OUT | _AVERAGES]
    if rest == ["loss"]:
        return f"validation_loss:{held}" if held else "loss"
    if [w for w in rest if w not in _KINDS] in (["acc"], ["accuracy"]):
        return f"validation_accuracy:{held}" if held else "batch_accuracy"
    if held:
        return None
    if rest[:1] == ["lr"] or rest[:2] == ["learning", "rate"]:
        return "learning_rate"
    if rest in (["grad", "norm"], ["gradient", "norm"], ["grad", "norm", "global"]):
        return "gradient_norm"
    return None


def _series(values: Mapping[int, float], signal: str) -> Series:
    scale = 1.0
    if "accuracy" in signal and max(values.values(), default=0.0) > 1.5:
        scale = 0.01  # it was logged in percent
    ordered = sorted(values.items())
    return Series(tuple(s for s, _ in ordered), tuple(v * scale for _, v in ordered))
