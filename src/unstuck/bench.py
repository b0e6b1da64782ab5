"""The state of a fix in progress: its control, its trials, and what they are worth."""

from __future__ import annotations

import math
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from unstuck import plan, registry, worth
from unstuck.diagnosis import diagnose, diagnose_run
from unstuck.evidence import middle
from unstuck.findings import Finding, Severity
from unstuck.obstacles import Obstacle
from unstuck.report import Curve
from unstuck.signals import Run
from unstuck.trials import (
    Candidate,
    Executor,
    ExecutorError,
    ForkExecutor,
    Laboratory,
    LocalExecutor,
    Target,
    Trial,
    imports,
    variables,
)
from unstuck.verdict import Objective
from unstuck.working_files import WorkingFiles

__all__ = [
    "PENDING",
    "SECONDS",
    "Bench",
    "FixError",
    "Options",
    "executor",
    "last_line",
    "parse_budget",
]

SECONDS = 600.0
"""Time that a fix takes at most unless a budget says otherwise."""
PENDING = ("waiting", "paused")
"""Statuses of a trial that can go on."""


class FixError(Exception):
    """A fix cannot be attempted; the message says what and what to do."""

    def __init__(self, message: str, status: int = 2) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Options:
    """What the user asked of a fix.

    Attributes:
        metric: Regular expression with one group over the script's output; the last match counts.
        goal: Whether that metric is to be large or small.
        score: What the script calls it, where unstuck has found it by itself.
        seconds: Time limit.
        ratio: Limit of all trials' steps, as a multiple of the control's; None for none.
        seeds: Seeds of the proof.
        workers: Trials at once.
        executor: ``local``, or ``ray``.
        ray_address: Of the Ray cluster; None for a local one.
        obstacles: What to look for; None for everything.
    """

    metric: str | None = None
    goal: str = "max"
    score: str = ""
    seconds: float = SECONDS
    ratio: float | None = None
    seeds: int = 3
    workers: int | None = None
    executor: str = "local"
    ray_address: str | None = None
    obstacles: Sequence[type[Obstacle]] | None = None
    thresholds: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def asked(self) -> Objective | None:
        """The objective that the user asked for, or that the script prints; None without one."""
        if self.metric is None:
            return None
        name = f"printed {self.score}" if self.score else f"/{self.metric}/"
        return Objective(name, self.goal)  # type: ignore[arg-type]


def parse_budget(text: str) -> tuple[float, float | None]:
    """Return seconds and step ratio of ``10m``, ``90s``, ``1h`` or ``3x``.

    Raises:
        ValueError: When it is none of these.
    """
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*(x|s|m|h|)", text.strip().lower())
    if match is None or float(match[1]) <= 0:
        raise ValueError(f"a budget is a time or a multiple, such as 10m or 3x, not {text!r}")
    amount, unit = float(match[1]), match[2]
    if unit == "x":
        return 6 * SECONDS, amount
    return amount * {"s": 1, "m": 60, "h": 3600, "": 60}[unit], None


def executor(target: Target, options: Options) -> Executor:
    """Return what runs the trials of a target: forks of a server, or of this process, or Ray.

    Raises:
        FixError: When Ray is asked for and cannot be used.
    """
    workers = options.workers or os.cpu_count() or 1
    if target.call is not None:
        return ForkExecutor(workers)
    preload = ["torch"] if target.module else imports(target.script)
    if options.executor != "ray":
        chosen = {} if target.module else variables(target.script)
        return LocalExecutor(workers, preload, variables=chosen)
    from unstuck.ray_executor import RayExecutor

    try:
        return RayExecutor(options.workers, preload, options.ray_address)
    except ExecutorError as error:
        raise FixError(str(error)) from None


class Bench:
    """One fix in progress.

    Attributes:
        control: The untreated run that is to be cured, as far as it is known.
        control_trial: Its trial; it may be paused.
        findings: The control's findings.
        sources: What the script says now; a cure that leaves something to cure is built upon.
        relapsed: Trials that showed the first diagnosis again at the end of their race.
    """

    def __init__(
        self, laboratory: Laboratory, options: Options, say: Callable[[str], None]
    ) -> None:
        self.laboratory = laboratory
        self.options = options
        self._tell = say
        self.leading = ""
        self.racing = self.objective = Objective("training loss")
        self.began = time.monotonic()
        self.notes: list[str] = []
        self.findings: list[Finding] = []
        self.control = Run()
        self.control_trial = laboratory.trial((), 0, pauses=plan.pauses())
        self.controls: dict[int, Trial] = {0: self.control_trial}
        self.sources = WorkingFiles()
        self.tried: list[str] = []
        self.relapsed: set[Trial] = set()
        self.wholes: dict[tuple[str, ...], Trial] = {}
        self.curves: dict[tuple[str, ...], tuple[Curve, ...]] = {}

    def say(self, line: str) -> None:
        """Tell what goes on, what it has cost so far and what is leading."""
        steps = sum(trial.cost for trial in self.laboratory.trials if trial.status != "waiting")
        cost = f"{steps} steps, {time.monotonic() - self.began:.0f} s"
        self._tell(f"{line}  [{cost}{f'; leading: {self.leading}' if self.leading else ''}]")

    def trial(self, candidate: Candidate, seed: int, pauses: Sequence[int], **more: Any) -> Trial:
        """Return a trial of a candidate that is treated as the control asks for."""
        return self.laboratory.trial(
            candidate,
            seed,
            pauses=pauses,
            control=self.control_trial.spec.record,
            run=self.control.index,
            **more,
        )

    def run_of(self, trial: Trial, index: int | None = None) -> Run | None:
        """Return a trial's counterpart of the control's run.

        Where the run of that index takes no step (a patch constructs the optimizer once more), that
        is the one before which as many others took steps.
        """
        recording = trial.recording()
        wanted = self.control.index if index is None else index
        runs = recording.runs if recording else ()
        found = next((run for run in runs if run.index == wanted), None)
        if (found is not None and found.steps) or index is not None:
            return found
        known = self.control_trial.recording()
        before = sum(run.steps > 0 for run in known.runs if run.index < wanted) if known else 0
        stepped = [run for run in runs if run.steps]
        return stepped[before] if before < len(stepped) else found

    def rows(self, trial: Trial) -> float:
        """Return the rows of a trial's batches over the control's: what one of its steps costs."""
        run = self.run_of(trial) if plan.pacing(trial.candidate) else None
        if run is None:
            return 1.0
        share = middle(run.of("batch_size").values) / middle(self.control.of("batch_size").values)
        return share if math.isfinite(share) else 1.0

    def measured(self, trial: Trial) -> bool:
        """Return whether the user's metric, if there is one, was printed by now."""
        pattern = self.options.metric
        return pattern is None or re.search(pattern, trial.output()) is not None

    def diagnose(self) -> None:
        """Look for findings in what the control has shown so far."""
        recording = self.control_trial.recording()
        if recording is not None:
            self.findings = diagnose(recording, self.options.obstacles, self.options.thresholds)

    def finish(self, *trials: Trial) -> None:
        """Run paused trials to their end."""
        while pending := [trial for trial in trials if trial.status in PENDING]:
            for _ in self.laboratory.advance(pending):
                pass

    def end_control(self) -> Finding | None:
        """Run the control to its end; return the first diagnosis that it has there."""
        self.say("running the script as it is to its end")
        self.finish(self.control_trial)
        self.diagnose()
        return plan.worth_fixing(self.findings)

    def shows(self, trial: Trial, obstacle: str) -> bool:
        """Return whether an obstacle is found in a trial."""
        return any(finding.obstacle == obstacle for finding in self.found(trial))

    def found(self, trial: Trial) -> list[Finding]:
        """Return the warnings and errors of a trial."""
        run = self.run_of(trial)
        if run is None:
            return []
        thresholds = self.options.thresholds
        asked = [kind(thresholds.get(kind.name())) for kind in self._obstacles()]
        return [f for f in diagnose_run(run, asked) if f.severity is not Severity.INFO]

    def _obstacles(self) -> Sequence[type[Obstacle]]:
        if self.options.obstacles is not None:
            return self.options.obstacles
        return list(registry.obstacles().values())

    def aim(self, first: Finding, steps: int) -> Objective:
        """Return what trials are compared by after so many steps."""
        return self.options.asked or worth.objective(self.control, first.obstacle, steps)

    def value(self, trial: Trial, steps: int) -> float:
        """Return a trial's objective after so many steps, NaN if it has none."""
        if trial.status == "crashed" and self.control_trial.status != "crashed":
            return math.nan
        if self.options.metric is not None:
            return self._metric(trial)
        run = self.run_of(trial)
        if run is None or not run.steps:
            return math.nan
        return worth.value(run, self.objective.name, min(steps, run.steps))

    def _metric(self, trial: Trial) -> float:
        assert self.options.metric is not None
        return worth.metric(self.options.metric, trial.output())

    def spent(self) -> bool:
        """Return whether the time or the steps that the user gave are used up."""
        if self.laboratory.over:
            return True
        ratio = self.options.ratio
        steps = sum(trial.cost for trial in self.laboratory.trials)
        return ratio is not None and steps > ratio * max(self.control_trial.total, 1)

    def declined(self) -> list[Candidate]:
        """Return what was tried alone on the control as it is now, and had no effect."""
        control = self.control_trial.spec.record
        refused = [t for t in self.laboratory.trials if t.status == "no-effect"]
        return [t.candidate for t in refused if len(t.candidate) == 1 and t.spec.control == control]

    def control_score(self, steps: int) -> float:
        """Return what the control is worth after so many steps; smaller is better."""
        return self.racing.badness(worth.value(self.control, self.racing.name, steps))


def last_line(text: str) -> str:
    """Return the last line that a script printed, as a terminal would show it."""
    shown = re.sub(r"\x1b\[[0-9;]*m|\x08", "", text)
    lines = [line for line in shown.strip().splitlines() if line.strip()]
    return lines[-1].strip() if lines else "it printed nothing"
