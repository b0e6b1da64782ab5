"""From a script that does not learn to a patch that was proven: control, candidates, proof."""

from __future__ import annotations

import math
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any

from unstuck import plan, registry, worth
from unstuck.by_hand import advice
from unstuck.diagnosis import diagnose, diagnose_run
from unstuck.evidence import middle, validation
from unstuck.findings import Finding, Severity
from unstuck.obstacles import Obstacle
from unstuck.record import Recording
from unstuck.report import Curve, Report
from unstuck.resume import Store
from unstuck.signals import Run, Series
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
)
from unstuck.verdict import Comparison, Objective, Status, Verdict, compare
from unstuck.working_files import WorkingFiles, rewrites, rewriting

__all__ = ["FixError", "Options", "Repair", "executor", "parse_budget", "repair"]

SECONDS = 600.0
"""Time that a fix takes at most unless a budget says otherwise."""
NEARLY = 0.95
"""A smaller set of remedies is preferred when it gains this share of what the best one gains. At
0.8 examples/deep_sigmoid.py got a pair that ends between 0.32 and 0.97 over seven seeds; the three
that gain most end between 0.96 and 0.98."""


ROUNDS = 2
"""So often a proven cure that leaves something to cure is built upon."""
END = 2**62
"""So many steps no training takes: compared at the end."""
POINTS = 200
"""With so many points a curve is kept."""
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
        """The objective that the user asked for, None without one."""
        if self.metric is None:
            return None
        return Objective(f"/{self.metric}/", self.goal)  # type: ignore[arg-type]


@dataclass
class Repair:
    """Everything that a fix found, tried and proved.

    Attributes:
        patched: Path of a file -> its patched source.
        interrupted: Whether the user ended it before it had come to an end.
        curves: How the trials went that prove the verdict.
    """

    findings: list[Finding]
    verdict: Verdict
    recording: Recording | None
    trials: list[dict[str, Any]] = field(default_factory=list)
    patched: dict[str, str] = field(default_factory=dict)
    interrupted: bool = False
    curves: tuple[Curve, ...] = ()

    def report(self, *, verbose: bool = False) -> Report:
        """Return what is shown of it.

        Args:
            verbose: Whether remarks are shown.
        """
        recording = self.recording or Recording("", (), {})
        return Report(recording, self.findings, self.verdict, self.trials, verbose, self.curves)

    def _repr_html_(self) -> str:
        from unstuck.report.html import page
        from unstuck.report.page import frame

        return frame(page(self.report()))


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


def repair(target: Target, options: Options, say: Callable[[str], None]) -> Repair:
    """Find what stops a training, try remedies, prove the best one, make the patch.

    Args:
        target: The script or callable.
        options: Limits and objective.
        say: Called with a line about what is going on.

    Raises:
        FixError: When the target cannot be run, trains nothing, or its metric never appears.
    """
    limit = time.monotonic() + options.seconds
    running = executor(target, options)
    store = Store.open(target, options.metric, options.goal)
    laboratory = Laboratory(running, target, limit, store)
    interrupted = True
    try:
        found = _Bench(laboratory, options, say).repair()
        interrupted = found.interrupted
        return found
    except FixError:
        interrupted = False
        raise
    except ExecutorError as error:
        raise FixError(f"{error}; the same command goes on from there") from None
    finally:
        laboratory.close(interrupted=interrupted)


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
        return LocalExecutor(workers, preload)
    from unstuck.ray_executor import RayExecutor

    try:
        return RayExecutor(options.workers, preload, options.ray_address)
    except ExecutorError as error:
        raise FixError(str(error)) from None


class _Bench:
    """One fix in progress.

    Attributes:
        control: The untreated run that is to be cured, as far as it is known.
        control_trial: Its trial, on seed 0; it may be paused.
        findings: The control's findings.
        sources: What the script says now; a cure that leaves something to cure is built upon.
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
        self.control_trial = laboratory.trial((), 0, pauses=plan.moments())
        self.controls: dict[int, Trial] = {0: self.control_trial}
        self.sources = WorkingFiles()
        self.tried: list[str] = []
        self.improved: list[tuple[Verdict, WorkingFiles]] = []
        self.wholes: dict[tuple[str, ...], Trial] = {}
        self.curves: dict[tuple[str, ...], tuple[Curve, ...]] = {}
        self.interrupted = False

    def say(self, line: str) -> None:
        """Tell what goes on, what it has cost so far and what is leading."""
        steps = sum(trial.cost for trial in self.laboratory.trials if trial.status != "waiting")
        cost = f"{steps} steps, {time.monotonic() - self.began:.0f} s"
        self._tell(f"{line}  [{cost}{f'; leading: {self.leading}' if self.leading else ''}]")

    # ---------------------------------------------------------------- the course of a fix

    def repair(self) -> Repair:
        verdict, cured = Verdict("nothing-to-fix"), WorkingFiles()
        try:
            self._say_resumed()
            self._watch_control()
            first = plan.worth_fixing(self.findings)
            if first is not None:
                verdict, cured = self._cure(first)
                for _ in range(ROUNDS):
                    verdict, cured = self._build_upon(verdict, cured)
                if verdict.status not in ("fixed", "nothing-to-fix"):
                    self.notes += advice(self.control, first, self._declined())
        except KeyboardInterrupt:
            verdict, cured = self._best_so_far()
        recording = self.control_trial.recording()
        return self._result(verdict, recording, cured)

    def _say_resumed(self) -> None:
        known = self.laboratory.store.known if self.laboratory.store is not None else {}
        if known:
            steps = sum(moments[-1].total for moments in known.values())
            self.say(f"resuming: {len(known)} trials, {steps} steps were measured before")

    def _best_so_far(self) -> tuple[Verdict, WorkingFiles]:
        """Return what is known when the user interrupts; note how to go on."""
        self.interrupted = True
        tried = f"; tried until then: {', '.join(dict.fromkeys(self.tried))}" if self.tried else ""
        proven = bool(self.improved)
        best = f"; best so far, not proven: {self.leading}" if self.leading and not proven else ""
        again = "; the same command goes on from there" if self.laboratory.store else ""
        self.notes.append(f"interrupted{again}{best}{tried}")
        return self.improved[0] if proven else (Verdict("no-fix-found"), WorkingFiles())

    def _cure(self, first: Finding) -> tuple[Verdict, WorkingFiles]:
        """Search on the control as far as it is known, then, if that fails, to its end."""
        verdict, cured = self._search(first)
        if verdict.status != "no-fix-found" or self.control_trial.status != "paused":
            return verdict, cured
        again = self._end_control()
        if again is None:
            return Verdict("nothing-to-fix"), WorkingFiles()
        self.control = self._run(self.control_trial, again.run) or self.control
        return self._search(again)

    def _build_upon(self, verdict: Verdict, cured: WorkingFiles) -> tuple[Verdict, WorkingFiles]:
        """Cure what is found in the patched script, if a proven cure has left something to cure."""
        whole = self.wholes.get(verdict.remedies)
        recording = whole.recording() if whole is not None else None
        if verdict.status != "improved" or recording is None or not cured.texts or self._spent():
            return verdict, cured
        findings = diagnose(recording, self.options.obstacles, self.options.thresholds)
        left = plan.worth_fixing(findings)
        run = self._run(whole, left.run) if whole is not None and left is not None else None
        if whole is None or left is None or run is None:
            return verdict, cured
        before = self.control_trial, self.controls, self.control, self.findings, self.sources
        self.control_trial, self.controls, self.control = whole, {0: whole}, run
        self.findings, self.sources = findings, cured
        further, both = self._search(left)
        self.control_trial, self.controls, self.control, self.findings, self.sources = before
        if further.status not in ("fixed", "improved"):
            return verdict, cured
        first = _summary(verdict)
        joined = replace(
            further,
            remedies=(*verdict.remedies, *further.remedies),
            changes=(*verdict.changes, *further.changes),
            imports_unstuck=verdict.imports_unstuck or further.imports_unstuck,
            notes=(f"on top of {first}", *further.notes),
        )
        self.wholes[joined.remedies] = self.wholes[further.remedies]
        self.curves[joined.remedies] = self.curves[further.remedies]
        return joined, both

    def _declined(self) -> list[str]:
        """Return the remedies that were tried alone and had no effect."""
        refused = [trial for trial in self.laboratory.trials if trial.status == "no-effect"]
        return [t.candidate[0][0] for t in refused if len(t.candidate) == 1]

    def _result(self, verdict: Verdict, recording: Recording | None, cured: WorkingFiles) -> Repair:
        laboratory = self.laboratory
        laboratory.end(laboratory.trials)
        begun = [trial for trial in laboratory.trials if trial.status != "waiting"]
        before = [trial for trial in begun if trial.recalled is not None]
        if before:
            self.notes.append(
                f"{len(before)} of {len(begun)} trials ({sum(t.total for t in before)} steps) were "
                "measured before the fix was interrupted, and were not run again"
            )
        ended = [t for t in begun if t.status in ("completed", "crashed") and not t.spec.stop_at]
        script = min(ended, key=lambda t: len(t.candidate), default=None)
        finished = replace(
            verdict,
            steps=round(sum(trial.cost * self._rows(trial) for trial in begun)),
            control_steps=script.total if script else self.control_trial.total,
            seconds=time.monotonic() - self.began,
            notes=tuple(dict.fromkeys((*verdict.notes, *self.notes))),
        )
        rows = [self._row(trial) for trial in begun]
        texts = dict(cured.texts)
        curves = self.curves.get(verdict.remedies, ())
        return Repair(self.findings, finished, recording, rows, texts, self.interrupted, curves)

    def _rows(self, trial: Trial) -> float:
        """Return the rows of a trial's batches over the control's: what one of its steps costs."""
        run = self._run(trial) if plan.pacing(trial.candidate) else None
        if run is None:
            return 1.0
        share = middle(run.of("batch_size").values) / middle(self.control.of("batch_size").values)
        return share if math.isfinite(share) else 1.0

    # ---------------------------------------------------------------- the control

    def _watch_control(self) -> None:
        """Run the control until its diagnosis is settled, or to its end."""
        self.say("running the script as it is")
        laboratory, trial = self.laboratory, self.control_trial
        deadline = laboratory.deadline
        laboratory.deadline = min(deadline, time.monotonic() + self.options.seconds / 3)
        seen: list[tuple[int, Finding | None]] = []
        while trial.status in PENDING:
            for _ in laboratory.advance([trial]):
                pass
            if trial.status == "paused":
                self._diagnose()
                seen.append((trial.steps, plan.worth_fixing(self.findings)))
                if plan.settled(seen) and self._measured(trial):
                    break
        laboratory.deadline = deadline
        recording = trial.recording()
        if recording is None:
            raise FixError(f"the script could not be run: {_last_line(trial.output())}")
        self._check(trial, recording)
        self._diagnose()
        first = plan.worth_fixing(self.findings)
        if first is not None:
            self.control = self._run(trial, first.run) or self.control

    def _end_control(self) -> Finding | None:
        """Run the control to its end; return the first diagnosis that it has there."""
        self.say("running the script as it is to its end")
        self._finish(self.control_trial)
        self._diagnose()
        return plan.worth_fixing(self.findings)

    def _check(self, trial: Trial, recording: Recording) -> None:
        """Raise if the control says nothing; note what it lacks."""
        trained = [run for run in recording.runs if run.steps]
        if trial.status == "crashed":
            crash = str(recording.facts.get("crashed") or _last_line(trial.output()))
            if not trained:
                raise FixError(
                    f"{trial.output().strip()}\nunstuck: the script fails before it trains: "
                    f"{crash.splitlines()[-1]}",
                    max(int(recording.facts.get("status") or 1), 1),
                )
            self.notes.append(f"the script fails after training: {crash.splitlines()[-1]}")
        if trial.status == "timed-out":
            self.notes.append(
                "the script was cut off at a third of the budget, after "
                f"{trial.steps} steps; so are all trials"
            )
        if recording.facts.get("failed"):
            self.notes.append(f"watching failed: {recording.facts['failed']}")
        if not trained:
            raise FixError(
                "the script trains nothing that unstuck can see: no optimizer took a step; "
                "a PyTorch script has to call optimizer.step()"
            )
        if self.options.metric is not None and not self._measured(trial):
            raise FixError(
                f"--metric {self.options.metric!r} matches nothing in the script's output; "
                "it needs one group around a number, such as 'accuracy: ([0-9.]+)'"
            )

    def _measured(self, trial: Trial) -> bool:
        """Return whether the user's metric, if there is one, was printed by now."""
        pattern = self.options.metric
        return pattern is None or re.search(pattern, trial.output()) is not None

    def _diagnose(self) -> None:
        recording = self.control_trial.recording()
        if recording is not None:
            self.findings = diagnose(recording, self.options.obstacles, self.options.thresholds)

    # ---------------------------------------------------------------- the search

    def _search(self, first: Finding) -> tuple[Verdict, WorkingFiles]:
        """Try the candidates for a diagnosis.

        A fact of the script is undone first, by its likeliest remedy alone: the rest is tuning.
        """
        early = self.control_trial.status == "paused"
        steps = self.control.steps if early else plan.horizon(self.control, first)
        self.racing = worth.objective(self.control, first.obstacle, steps)
        self.objective = self._objective(first, steps)
        self.say(f"found {first.obstacle}; objective: {self.objective.name}")
        undoing = plan.undoing(self.control, first, self.findings)
        if self.laboratory.target.call is not None:
            undoing = [candidate for candidate in undoing if not rewriting(candidate)]
        others = [c for c in plan.first_candidates(self.control, first) if c not in undoing]
        if not undoing and not others:
            hints = ", ".join(hint.name for hint in first.remedies)
            return self._nothing(f"no remedy can be applied by itself; by hand: {hints or 'none'}")
        self.improved = []
        for candidates in (*([candidate] for candidate in undoing), others):
            if not candidates or self.improved:
                continue  # what has been undone is built upon (`_build_upon`)
            verdict, cured = self._attempt(candidates, first, steps)
            if verdict.status in ("fixed", "nothing-to-fix"):
                return verdict, cured
        if self.improved:
            return self.improved[0]
        hint = ""
        if self.objective.name == "training loss":
            hint = "; the training loss may not show it: --metric takes what the script prints"
        tried = ", ".join(dict.fromkeys(self.tried))
        return self._nothing(f"tried without success: {tried}{hint}")

    def _attempt(
        self, candidates: Sequence[Candidate], first: Finding, steps: int
    ) -> tuple[Verdict, WorkingFiles]:
        """Race candidates, prove the best of them; one alone needs no race."""
        chosen = len(candidates) > 1
        scores = self._race(candidates, steps, first) if chosen else self._prepare(candidates)
        for _ in range(2):
            if not chosen or self._good_enough(scores, steps) or self._spent():
                break
            best = min(scores, key=lambda trial: scores[trial], default=None)
            if best is None or not math.isfinite(scores[best]):
                break
            tried = {plan.label(trial.candidate) for trial in scores}
            more = plan.refinements(self.control, first, best.candidate, tried)
            if not more:
                break
            scores = {**scores, **self._race(more[:6], steps, first)}
        for trial in self._finalists(scores, steps):
            if self._spent() and self.improved:
                break
            verdict, cured = self._prove(trial, first, steps, fresh=chosen)
            if verdict.status in ("fixed", "nothing-to-fix"):
                return verdict, cured
            if verdict.status == "improved":
                self.improved.append((verdict, cured))
        return self._nothing("")

    def _nothing(self, note: str) -> tuple[Verdict, WorkingFiles]:
        notes = (note,) if note else ()
        return Verdict("no-fix-found", objective=self.objective, notes=notes), WorkingFiles()

    # ---------------------------------------------------------------- racing

    def _trial(self, candidate: Candidate, seed: int, pauses: Sequence[int], **more: Any) -> Trial:
        return self.laboratory.trial(
            candidate,
            seed,
            pauses=pauses,
            control=self.control_trial.spec.record,
            run=self.control.index,
            **more,
        )

    def _prepare(self, candidates: Sequence[Candidate]) -> dict[Trial, float]:
        """Return trials that have only said what they change, for candidates without rivals."""
        trials = self._begin(candidates, (), stop_at=1)
        live = [t for t in trials if t.status == "waiting" and not rewriting(t.candidate)]
        for trial in self.laboratory.advance(live):
            self._note(trial)
        return {trial: 0.0 for trial in trials if trial.changes and trial.status != "no-effect"}

    def _race(
        self, candidates: Sequence[Candidate], steps: int, first: Finding
    ) -> dict[Trial, float]:
        """Run candidates for so many steps; return the scores of those that got there.

        At each of the `plan.rungs` the worse half is given up: successive halving (Jamieson and
        Talwalkar, AISTATS 2016). At the last one, candidates that show the same obstacle again
        come behind those that do not.
        """
        trials = self._begin(candidates, plan.rungs(steps))
        alive = [trial for trial in trials if trial.status == "waiting"]
        scores: dict[Trial, float] = {}
        for rung in plan.rungs(steps):
            for trial in self.laboratory.advance(alive):
                self._note(trial)
            alive = [trial for trial in alive if trial.status not in ("no-effect", "crashed")]
            scores = self._scores(alive, rung)
            ranked = sorted((t for t in alive if math.isfinite(scores[t])), key=scores.__getitem__)
            self.leading = plan.label(ranked[0].candidate) if ranked else ""
            kept = ranked if rung == steps else ranked[: max(2, (len(ranked) + 1) // 2)]
            self.laboratory.end([trial for trial in alive if trial not in kept])
            for trial in alive:
                said = "" if trial in kept else ", given up"
                label = plan.label(trial.candidate)
                self.say(f"{label}: {scores[trial]:.4g} after {rung} steps{said}")
            alive = kept
        self.laboratory.end(alive)
        again = [trial for trial in alive if self._shows(trial, first.obstacle)]
        chosen = [trial for trial in alive if trial not in again] or alive
        return {trial: scores[trial] for trial in chosen}

    def _begin(
        self, candidates: Sequence[Candidate], pauses: Sequence[int], stop_at: int | None = None
    ) -> list[Trial]:
        """Return trials of candidates on seed 0, not yet running."""
        trials = []
        for candidate in candidates:
            self.tried.append(plan.label(candidate))
            sources, changes = self.sources, list[dict[str, Any]]()
            if rewriting(candidate):
                changes = rewrites(self.control, candidate)
                sources = sources.patched(changes)
                self.notes += [f"{plan.label(candidate)}: {note}" for note in sources.notes]
            name = f"candidate-{len(self.laboratory.trials)}"
            trial = self._trial(
                candidate,
                0,
                pauses,
                stop_at=stop_at,
                sources=sources.write(self.laboratory.directory.name, name),
                live=not rewriting(candidate),
            )
            trial.changes = changes
            if rewriting(candidate) and (not changes or sources.notes):
                trial.status = "no-effect"
            trials.append(trial)
        return trials

    def _note(self, trial: Trial) -> None:
        """Note what a trial has changed, and whether it can be compared."""
        recording = trial.recording()
        label = plan.label(trial.candidate)
        if recording is not None and not trial.changes:
            trial.changes = list(recording.facts.get("changes") or [])
        if trial.status == "completed" and not trial.changes:
            trial.status = "no-effect"
            self.say(f"{label}: no effect")
        if trial.status == "crashed":
            self.say(f"{label}: cannot be applied ({_last_line(trial.output())})")

    def _scores(self, trials: Sequence[Trial], steps: int) -> dict[Trial, float]:
        """Return what trials are worth after so many steps; smaller is better.

        That is the objective (what the script prints is known at its end only, and not asked),
        or the training loss where a trial has not measured it yet.
        """
        runs = {trial: self._run(trial) for trial in trials}
        for objective in (self.racing, Objective("training loss")):
            name = objective.name
            values = {t: worth.value(r, name, steps) if r else math.nan for t, r in runs.items()}
            if not any(math.isnan(value) for value in values.values()):
                break
        return {trial: objective.badness(value) for trial, value in values.items()}

    def _run(self, trial: Trial, index: int | None = None) -> Run | None:
        """Return a trial's counterpart of the control's run."""
        recording = trial.recording()
        wanted = self.control.index if index is None else index
        runs = recording.runs if recording else ()
        return next((run for run in runs if run.index == wanted), None)

    def _good_enough(self, scores: Mapping[Trial, float], steps: int) -> bool:
        """Return whether the best candidate is far enough ahead of the control.

        A tenth is enough over the first steps: other settings, learning rates above all, would be
        chosen by what is fastest there, not by where it leads (Wu et al., ICLR 2018).
        """
        best = min(scores.values(), default=math.inf)
        control = self._control_score(steps)
        if not math.isfinite(control):
            return math.isfinite(best)
        margin = 0.1 if self.control_trial.status == "paused" else 0.5
        return best < control - margin * abs(control)

    def _control_score(self, steps: int) -> float:
        return self.racing.badness(worth.value(self.control, self.racing.name, steps))

    def _finalists(self, scores: Mapping[Trial, float], steps: int) -> list[Trial]:
        """Return up to three candidates to prove, the smallest of the nearly best first."""
        finite = {t: s for t, s in scores.items() if math.isfinite(s)}
        if len(finite) < 2:
            return list(finite)
        best = min(finite.values())
        control = self._control_score(steps)
        if not math.isfinite(control):
            control = max(*finite.values(), abs(best) * 10)
        ranked = sorted(finite, key=lambda t: finite[t])
        if control <= best:
            return ranked[:2]
        near = [t for t in ranked if control - finite[t] >= NEARLY * (control - best)]
        near.sort(key=lambda t: (len(t.candidate), finite[t]))
        return list(dict.fromkeys([near[0], ranked[0], *near, *ranked]))[:3]

    # ---------------------------------------------------------------- proof

    def _prove(
        self, trial: Trial, first: Finding, steps: int, *, fresh: bool
    ) -> tuple[Verdict, WorkingFiles]:
        """Compare control and treated over all seeds after so many steps, then run one to its end.

        Args:
            trial: A trial of the candidate, which says what it changes.
            first: What is to be cured.
            steps: After how many steps they are compared.
            fresh: Whether seed 0 is left out, because it was used to choose the candidate.
        """
        name = plan.label(trial.candidate)
        cured = self.sources.patched(trial.changes)
        notes = list(cured.notes)
        # A callable is already compiled: it is treated live, which is the same bit for bit.
        patched = not (notes or self.laboratory.target.call is not None)
        written = cured if patched else self.sources
        sources = written.write(self.laboratory.directory.name, f"patched-{len(self.tried)}")
        ended = self.control_trial.status != "paused"
        # What the script prints is not known at steps of the past.
        if plan.pacing(trial.candidate) or (self.options.metric is not None and ended):
            self._finish(self.control_trial)
            self.control = self._run(self.control_trial) or self.control
            steps = END
            self.objective = self._objective(first, self.control.steps)
        seeds = range(int(fresh), self.options.seeds + int(fresh))
        when = "at the end" if steps == END else f"after {steps} steps"
        self.say(f"proving {name} on {len(seeds)} seeds, {when}")
        early = self.control_trial.status == "paused"
        cut = self.control_trial.status == "timed-out"
        further = 4 * steps if early else self.control.steps if cut else END
        pauses = [pause for pause in (steps, further) if pause != END]
        treated = {
            seed: self._trial(trial.candidate, seed, pauses, sources=sources, live=not patched)
            for seed in dict.fromkeys((*seeds, 0))
        }
        controls = self._controls(seeds, pauses)
        compared, before, after, steps = self._decide(
            controls, treated, seeds, (steps, further), first
        )
        whole = treated[0]
        if compared is None or not compared.proven:
            self.laboratory.end([*treated.values()])
            self.say(f"{name}: not proven")
            return Verdict("no-fix-found", objective=self.objective), WorkingFiles()
        self._finish(whole)
        self.laboratory.end([*treated.values()])
        if not self._lasts(first, whole):
            return Verdict("nothing-to-fix"), WorkingFiles()
        status: Status = "fixed"
        for problem in self._problems(whole, [treated[seed] for seed in seeds], first, steps):
            status = "improved"
            notes.append(problem)
        if whole.status == "timed-out":
            status = "improved"
            notes.append(f"the budget ended before the patched script did: {whole.steps} steps")
        elif whole.status != "completed" and whole.status != self.control_trial.status:
            status = "no-fix-found"
            self.notes.append(f"{name} makes the script fail: {_last_line(whole.output())}")
        self.say(f"{name}: {status} (p = {compared.p_value:.2g})")
        self.wholes[tuple(name.split(" + "))] = whole
        self.curves[tuple(name.split(" + "))] = tuple(
            self._curve(trial, treated=side, until=until)
            for until, pairs in (
                (steps, ((c, treated[seed]) for seed, c in controls.items())),
                (None, ((self.control_trial, whole),)),
            )
            for pair in pairs
            for side, trial in zip((False, True), pair, strict=True)
        )
        verdict = Verdict(
            status,
            remedies=tuple(name.split(" + ")),
            objective=replace(self.objective, steps=None if steps == END else steps),
            before=tuple(before),
            after=tuple(after),
            comparison=compared,
            patch=cured.diff(),
            imports_unstuck=any(c["edit"] and c["edit"].get("unstuck") for c in trial.changes),
            changes=tuple(dict.fromkeys(change["what"] for change in trial.changes)),
            notes=tuple(notes),
        )
        return verdict, cured

    def _controls(self, seeds: Sequence[int], pauses: Sequence[int]) -> dict[int, Trial]:
        for seed in seeds:
            if seed not in self.controls:
                sources = self.sources.write(self.laboratory.directory.name, f"control-{seed}")
                self.controls[seed] = self.laboratory.trial(
                    (), seed, pauses=pauses, sources=sources, live=False
                )
        return {seed: self.controls[seed] for seed in seeds}

    def _decide(
        self,
        controls: Mapping[int, Trial],
        treated: Mapping[int, Trial],
        seeds: Sequence[int],
        looks: tuple[int, int],
        first: Finding,
    ) -> tuple[Comparison | None, list[float], list[float], int]:
        """Compare after so many steps, and once more after further ones if that may tell.

        Returns:
            The last comparison (see `_compare`), both sides' values, and after how many steps.
        """
        steps, further = looks
        compared, before, after = self._compare(controls, treated, seeds, steps)
        undecided = further > steps and (plan.structural(first) or self._even(before, after))
        if compared is not None and not compared.proven and undecided:
            steps = further
            self.objective = self._objective(first, min(steps, self.control.steps))
            compared, before, after = self._compare(controls, treated, seeds, steps)
        return compared, before, after, steps

    def _compare(
        self,
        controls: Mapping[int, Trial],
        treated: Mapping[int, Trial],
        seeds: Sequence[int],
        steps: int,
    ) -> tuple[Comparison | None, list[float], list[float]]:
        """Return the comparison after so many steps; None if the time is over, or it is lost.

        With three seeds a proof needs every treated value to be better than every control's, so
        one that is not ends it.
        """
        for seed in seeds:
            pair = [controls[seed], treated[seed]]
            while behind := [t for t in pair if t.status in PENDING and t.steps < steps]:
                for _ in self.laboratory.advance(behind):
                    pass
            done = [s for s in seeds if s <= seed]
            before = [self._value(controls[s], steps) for s in done]
            after = [self._value(treated[s], steps) for s in done]
            if any(t.status == "timed-out" for t in pair if t is not self.control_trial):
                self.notes.append("the budget ended before anything was proven")
                return None, before, after
            worst = max(self.objective.badness(value) for value in after)
            if len(seeds) == 3 and worst >= min(self.objective.badness(v) for v in before):
                break
        return compare(self.objective, before, after), before, after

    def _even(self, before: Sequence[float], after: Sequence[float]) -> bool:
        """Return whether the treated are not worse on the whole."""
        return self.objective.badness(median(after)) <= self.objective.badness(median(before))

    def _finish(self, *trials: Trial) -> None:
        """Run paused trials to their end."""
        while pending := [trial for trial in trials if trial.status in PENDING]:
            for _ in self.laboratory.advance(pending):
                pass

    def _lasts(self, first: Finding, whole: Trial) -> bool:
        """Return whether the control is sick at its end too; what is a fact, is taken for granted.

        Unless more trainings followed: the one that was diagnosed may only have been a rehearsal.
        """
        trial = self.control_trial
        if trial.status != "paused":
            return True
        seen, later = trial.recording(), whole.recording()
        more = bool(seen and later and len(later.runs) > len(seen.runs))
        if plan.structural(first) and not more:
            return True
        return self._end_control() is not None

    def _problems(
        self, whole: Trial, treated: Sequence[Trial], first: Finding, steps: int
    ) -> list[str]:
        """Return why a proven difference is no cure."""
        problems = []
        if sum(self._shows(trial, first.obstacle) for trial in treated) > len(treated) / 2:
            problems.append(f"{first.obstacle} is still found in the treated runs")
        elif self._shows(whole, first.obstacle):
            problems.append(f"{first.obstacle} is found again at the end of the treated run")
        known = {finding.obstacle for finding in self.findings}
        found = self._found(whole)
        news = {f.obstacle for f in found if f.severity is Severity.ERROR} - known
        if news:
            problems.append(f"new in the treated runs: {', '.join(sorted(news))}")
        left = {f.obstacle for f in found if f.first} - news - {first.obstacle}
        if left and plan.structural(first):
            problems.append(f"then found in the treated runs: {', '.join(sorted(left))}")
        end = self._value(whole, whole.steps)
        control = self._value(self.control_trial, self.control_trial.steps)
        if self.objective.badness(end) >= self.objective.badness(control):
            problems.append(f"the treated run ends at {end:.4g}, the control at {control:.4g}")
        return problems

    def _shows(self, trial: Trial, obstacle: str) -> bool:
        return any(finding.obstacle == obstacle for finding in self._found(trial))

    def _found(self, trial: Trial) -> list[Finding]:
        """Return the warnings and errors of a trial."""
        run = self._run(trial)
        if run is None:
            return []
        thresholds = self.options.thresholds
        asked = [kind(thresholds.get(kind.name())) for kind in self._obstacles()]
        return [f for f in diagnose_run(run, asked) if f.severity is not Severity.INFO]

    def _obstacles(self) -> Sequence[type[Obstacle]]:
        if self.options.obstacles is not None:
            return self.options.obstacles
        return list(registry.obstacles().values())

    # ---------------------------------------------------------------- what trials are worth

    def _objective(self, first: Finding, steps: int) -> Objective:
        return self.options.asked or worth.objective(self.control, first.obstacle, steps)

    def _value(self, trial: Trial, steps: int) -> float:
        """Return a trial's objective after so many steps, NaN if it has none."""
        if trial.status == "crashed" and self.control_trial.status != "crashed":
            return math.nan
        if self.options.metric is not None:
            return self._metric(trial)
        run = self._run(trial)
        if run is None or not run.steps:
            return math.nan
        return worth.value(run, self.objective.name, min(steps, run.steps))

    def _metric(self, trial: Trial) -> float:
        assert self.options.metric is not None
        return worth.metric(self.options.metric, trial.output())

    def _curve(self, trial: Trial, *, treated: bool, until: int | None) -> Curve:
        """Return how a trial went until so many steps; None for as far as it was run."""
        run = self._run(trial) or Run()
        last = run.steps if until is None else min(until, run.steps)
        passes = validation(run)
        loss, held = (
            series.until(last - 1).thinned(max(1, -(-min(last, len(series)) // POINTS)))
            for series in (run.loss, passes[0] if passes is not None else Series())
        )
        return Curve(treated, trial.seed, loss, held, until is None)

    def _spent(self) -> bool:
        if self.laboratory.over:
            return True
        ratio = self.options.ratio
        steps = sum(trial.cost for trial in self.laboratory.trials)
        return ratio is not None and steps > ratio * max(self.control_trial.total, 1)

    def _row(self, trial: Trial) -> dict[str, Any]:
        value = self._value(trial, trial.steps) if self.control.steps else math.nan
        return {
            "remedies": [name for name, _ in trial.candidate],
            "settings": plan.label(trial.candidate),
            "seed": trial.seed,
            "steps": trial.steps,
            "objective": value if math.isfinite(value) else None,
            "status": trial.status,
        }


def _last_line(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return lines[-1].strip() if lines else "it printed nothing"


def _summary(verdict: Verdict) -> str:
    """Return what a verdict proved, in a few words."""
    objective = verdict.objective
    if objective is None or not verdict.before:
        return " + ".join(verdict.remedies)
    after = f" after {objective.steps} steps" if objective.steps else ""
    change = f"{median(verdict.before):.4g} → {median(verdict.after):.4g}"
    return f"{' + '.join(verdict.remedies)} ({objective.name} {change}{after})"
