"""Remedies side by side on one script: every one on the same seeds, each run to its end."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from unstuck import plan, registry
from unstuck.bench import FixError, Options, executor
from unstuck.diagnosis import diagnose
from unstuck.findings import Finding, Severity, plain
from unstuck.remedies import Settings
from unstuck.signals import Run, Series
from unstuck.trials import Candidate, Executor, Laboratory, Target, Trial
from unstuck.verdict import Comparison, Objective
from unstuck.verdict import compare as compare_values
from unstuck.working_files import WorkingFiles, rewrites, rewriting
from unstuck.worth import metric, objective, value

__all__ = ["Arm", "Compared", "compare", "parse"]


BUDGET = 0.01
"""Share of the time that watching may cost, so that the seconds are the script's own."""


@dataclass(frozen=True)
class Arm:
    """One way to train, over all seeds.

    Attributes:
        label: The remedies with their settings; ``as it is`` for the untreated script.
        values: The objective at the end, one per seed; NaN where it was not measured.
        runs: What was measured of the training that is compared, one per seed.
        outputs: What the script printed, one text per seed.
        validation: Validation losses, one series per seed; empty where none was made.
        seconds: Duration of each run, one per seed.
        reached: Steps until the training loss stayed below the untreated script's last one, one
            per seed; infinite if never.
        comparison: Against the untreated script, None for that itself.
        changes: What the remedies changed.
        note: Why there are no values, "" if there are.
    """

    label: str
    values: tuple[float, ...]
    runs: tuple[Run, ...]
    outputs: tuple[str, ...]
    validation: tuple[Series, ...]
    seconds: tuple[float, ...]
    reached: tuple[float, ...]
    comparison: Comparison | None = None
    changes: tuple[str, ...] = ()
    note: str = ""

    @property
    def losses(self) -> tuple[Series, ...]:
        """Training losses, one series per seed."""
        return tuple(run.loss for run in self.runs)

    def printed(self, pattern: str) -> tuple[float, ...]:
        """Return the number that the last match of a pattern holds, per seed; NaN without one.

        Args:
            pattern: Regular expression with one group.
        """
        return tuple(metric(pattern, output) for output in self.outputs)


@dataclass(frozen=True)
class Compared:
    """What a comparison found.

    Attributes:
        objective: What is compared, at the end of each run.
        arms: The untreated script first.
        seconds: Time that it took.
    """

    objective: Objective
    arms: tuple[Arm, ...]
    seconds: float

    def _repr_html_(self) -> str:
        from unstuck.report.html import comparison
        from unstuck.report.page import frame

        return frame(comparison(self, "Remedies side by side"))

    def to_json(self) -> Mapping[str, Any]:
        """Return the table as plain data; the curves stay out."""
        return {
            "objective": {"name": self.objective.name, "goal": self.objective.goal},
            "seconds": round(self.seconds, 2),
            "arms": [
                {
                    "remedies": [] if arm.comparison is None else arm.label.split(" + "),
                    "label": arm.label,
                    "objective": plain(arm.values),
                    "steps": [len(losses) for losses in arm.losses],
                    "seconds": [round(seconds, 3) for seconds in arm.seconds],
                    "steps_to_control": plain(arm.reached),
                    "effect": None if arm.comparison is None else plain(arm.comparison.effect),
                    "p_value": None if arm.comparison is None else arm.comparison.p_value,
                    "changes": list(arm.changes),
                    "note": arm.note,
                }
                for arm in self.arms
            ],
        }


def parse(text: str) -> tuple[tuple[str, tuple[float, ...]], ...]:
    """Return names and values of ``use-relu``, ``use-adam=0.01`` or ``use-relu+use-adam=0.01``.

    Raises:
        ValueError: When a remedy is unknown or a value is no number.
    """
    parts = []
    for part in text.replace("e+", "e").split("+"):
        name, _, values = part.strip().partition("=")
        if name not in registry.remedies():
            raise ValueError(f"there is no remedy {name!r}; `unstuck rules` lists them")
        try:
            numbers = tuple(float(v) for v in values.split(",")) if values else ()
        except ValueError:
            raise ValueError(f"the setting of {name} is a number, not {values!r}") from None
        parts.append((name, numbers))
    return tuple(parts)


def compare(
    target: Target,
    remedies: Sequence[str],
    options: Options,
    say: Callable[[str], None],
    runs_trials: Executor | None = None,
) -> Compared:
    """Run a script as it is and with each of the remedies, on the same seeds, to the end.

    Args:
        target: The script or callable.
        remedies: As `parse` reads them; settings that are left out are derived from the script.
        options: Limits, objective and seeds.
        say: Called with a line about what is going on.
        runs_trials: What runs the trials, closed at the end; None for one of its own.

    Raises:
        FixError: When the target cannot be run or trains nothing, or a remedy does not fit.
        ValueError: When a remedy cannot be understood.
    """
    asked = [parse(text) for text in remedies]
    began = time.monotonic()
    executes = runs_trials or executor(target, options)
    laboratory = Laboratory(executes, target, began + options.seconds)
    try:
        controls = [laboratory.trial((), seed, budget=BUDGET) for seed in range(options.seeds)]
        say("running the script as it is")
        for trial in laboratory.advance(controls[:1]):
            _check(trial)
        recording = controls[0].recording()
        assert recording is not None
        findings = diagnose(recording, options.obstacles, options.thresholds)
        first = plan.worth_fixing(findings)
        run = next(r for r in recording.runs if r.steps and (first is None or r.index == first.run))
        candidates = [_candidate(parts, run, first) for parts in asked]
        treated = [
            [_trial(laboratory, candidate, seed, controls[0], run) for seed in range(options.seeds)]
            for candidate in candidates
        ]
        order = [trial for seed in zip(*treated, strict=True) for trial in seed]
        for trial in laboratory.advance([*controls[1:], *(t for t in order if t is not None)]):
            say(f"{plan.label(trial.candidate)}, seed {trial.seed}: {trial.status}")
        name = first.obstacle if first else ""
        goal = options.asked or objective(run, name, run.steps)
        arms = [_arm(controls, (), run, goal, options, None)]
        for candidate, trials in zip(candidates, treated, strict=True):
            arms.append(_arm(trials, candidate, run, goal, options, arms[0]))
        return Compared(goal, tuple(arms), time.monotonic() - began)
    finally:
        laboratory.close()


def _check(trial: Trial) -> None:
    recording = trial.recording()
    if recording is None or not any(run.steps for run in recording.runs):
        lines = trial.output().strip().splitlines() or ["it printed nothing"]
        raise FixError(f"the script trains nothing that unstuck can see: {lines[-1]}")


def _candidate(
    parts: Sequence[tuple[str, tuple[float, ...]]], run: Run, first: Finding | None
) -> Candidate:
    """Return a candidate with settings: those given, the rest derived from the run."""
    finding = first or Finding("", "", Severity.INFO, "")
    candidate: list[tuple[str, Settings]] = []
    for name, numbers in parts:
        derived = registry.remedy(name)().settings(run, finding)
        settings = dict(derived[0]) if derived else {}
        if len(numbers) > len(settings):
            takes = ", ".join(settings) or "nothing"
            raise FixError(f"{name} takes {takes} as its setting, not {len(numbers)} numbers")
        candidate.append((name, {**settings, **dict(zip(settings, numbers, strict=False))}))
    return tuple(candidate)


def _trial(
    laboratory: Laboratory, candidate: Candidate, seed: int, control: Trial, run: Run
) -> Trial | None:
    """Return a treated trial; None where the script cannot be rewritten so."""
    sources = WorkingFiles()
    changes: list[dict[str, Any]] = []
    if rewriting(run, candidate):
        changes = rewrites(run, candidate)
        sources = sources.patched(changes)
        if sources.notes or not changes or laboratory.target.call is not None:
            return None
    trial = laboratory.trial(
        candidate,
        seed,
        control=control.spec.record,
        run=run.index,
        sources=sources.write(laboratory.directory.name, f"compared-{len(laboratory.trials)}"),
        live=not rewriting(run, candidate),
        budget=BUDGET,
    )
    trial.changes = changes
    return trial


def _arm(
    trials: Sequence[Trial | None],
    candidate: Candidate,
    control: Run,
    goal: Objective,
    options: Options,
    untreated: Arm | None,
) -> Arm:
    """Return what the trials of one candidate came to."""
    values: list[float] = []
    measured: list[Run] = []
    validation: list[Series] = []
    seconds: list[float] = []
    reached: list[float] = []
    notes: dict[str, None] = {}
    changes: dict[str, None] = {}
    for trial in trials:
        recording = trial.recording() if trial is not None else None
        runs = recording.runs if recording else ()
        run = next((r for r in runs if r.index == control.index), Run())
        said = list(recording.facts.get("changes") or []) if recording else []
        done = [change["what"] for change in (trial.changes if trial else []) or said]
        changes.update(dict.fromkeys(done))
        problem = _problem(trial, done, treated=bool(candidate))
        notes.update({problem: None} if problem else {})
        last = value(run, goal.name, run.steps) if run.steps else math.nan
        if options.metric is not None:
            last = metric(options.metric, trial.output()) if trial else math.nan
        number = len(values)
        level = math.nan
        if untreated is not None and number < len(untreated.losses):
            tail = untreated.losses[number].values
            level = median(tail[-max(len(tail) // 10, 5) :]) if tail else math.nan
        values.append(math.nan if problem else last)
        measured.append(run)
        validation.append(_validation(run))
        seconds.append(float(recording.facts.get("seconds") or 0.0) if recording else 0.0)
        reached.append(_reached(run.loss, level))
    compared = None if untreated is None else compare_values(goal, untreated.values, values)
    return Arm(
        plan.label(candidate) if candidate else "as it is",
        tuple(values),
        tuple(measured),
        tuple(trial.output() if trial else "" for trial in trials),
        tuple(validation),
        tuple(seconds),
        tuple(reached),
        compared,
        tuple(changes),
        "; ".join(notes),
    )


def _problem(trial: Trial | None, changes: Sequence[str], *, treated: bool) -> str:
    """Return why a trial says nothing, "" if it does say something."""
    if trial is None:
        return "cannot be applied to this script"
    if trial.status in ("timed-out", "waiting"):
        return "the budget ended first"
    if treated and not changes:
        return "no effect"
    if trial.status == "crashed" and treated:
        lines = trial.output().strip().splitlines() or ["it printed nothing"]
        return f"fails: {lines[-1]}"
    return ""


def _validation(run: Run) -> Series:
    from unstuck.evidence import validation

    passes = validation(run)
    return passes[0] if passes is not None else Series()


def _reached(losses: Series, level: float) -> float:
    """Return after how many steps the running median of the loss is below a level for good."""
    width = max(len(losses) // 20, 5)
    values = losses.values
    for start in range(0, max(len(values) - width + 1, 0), max(width // 2, 1)):
        if median(values[start : start + width]) <= level:
            return float(losses.steps[min(start + width, len(values)) - 1] + 1)
    return math.inf
