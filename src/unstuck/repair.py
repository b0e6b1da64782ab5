"""From a script that does not learn to a patch that was proven: control, candidates, proof."""

from __future__ import annotations

import math
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from unstuck import plan
from unstuck.by_hand import advice
from unstuck.diagnosis import diagnose, diagnose_run
from unstuck.edits import Edit, from_json
from unstuck.evidence import middle, validation
from unstuck.findings import Finding, Severity
from unstuck.obstacles import Obstacle
from unstuck.record import Recording
from unstuck.signals import Run
from unstuck.trials import (
    Candidate,
    ForkExecutor,
    Laboratory,
    LocalExecutor,
    Target,
    Trial,
    imports,
)
from unstuck.verdict import Objective, Verdict, compare

__all__ = ["FixError", "Options", "Repair", "parse_budget", "repair"]

SECONDS = 600.0
"""Time that a fix takes at most unless a budget says otherwise."""
NEARLY = 0.95
"""A smaller set of remedies is preferred when it gains this share of what the best one gains. At
0.8 examples/deep_sigmoid.py got a pair that ends between 0.32 and 0.97 over seven seeds; the three
that gain most end between 0.96 and 0.98."""


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
        obstacles: What to look for; None for everything.
    """

    metric: str | None = None
    goal: str = "max"
    seconds: float = SECONDS
    ratio: float | None = None
    seeds: int = 3
    workers: int | None = None
    obstacles: Sequence[type[Obstacle]] | None = None
    thresholds: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass
class Repair:
    """Everything that a fix found, tried and proved."""

    findings: list[Finding]
    verdict: Verdict
    recording: Recording | None
    trials: list[dict[str, Any]] = field(default_factory=list)
    patched: dict[str, str] = field(default_factory=dict)
    """Path of a file -> its patched source."""


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
    workers = options.workers or min(os.cpu_count() or 1, 8)
    executor = (
        ForkExecutor(workers)
        if target.call is not None
        else LocalExecutor(workers, imports(target.script) if not target.module else ["torch"])
    )
    laboratory = Laboratory(executor, target, time.monotonic() + options.seconds)
    bench = _Bench(laboratory, options, say)
    try:
        return bench.repair()
    finally:
        laboratory.close()


class _Bench:
    """One fix in progress."""

    def __init__(
        self, laboratory: Laboratory, options: Options, say: Callable[[str], None]
    ) -> None:
        self.laboratory = laboratory
        self.options = options
        self.say = say
        self.began = time.monotonic()
        self.notes: list[str] = []
        self.control: Run = Run()
        self.control_trial: Trial | None = None
        self.findings: list[Finding] = []
        self.objective = Objective("training loss")
        self.rows: list[dict[str, Any]] = []

    # ---------------------------------------------------------------- the course of a fix

    def repair(self) -> Repair:
        recording = self._run_control()
        first = plan.worth_fixing(self.findings)
        if first is None:
            return self._result(Verdict("nothing-to-fix"), recording)
        self.control = next(run for run in recording.runs if run.index == first.run)
        self.objective = self._objective()
        self.say(f"found {first.obstacle}; objective: {self.objective.name}")
        try:
            verdict, patched = self._search(first)
            if verdict.status != "fixed":
                self.notes += advice(self.control, first, self._declined())
        except KeyboardInterrupt:
            self.notes.append("interrupted: what was measured until then is listed")
            verdict, patched = Verdict("no-fix-found"), {}
        return self._result(verdict, recording, patched)

    def _declined(self) -> list[str]:
        """Return the remedies that were tried alone and had no effect."""
        refused = [row for row in self.rows if row["status"] == "no-effect"]
        return [name for row in refused for name in row["remedies"] if len(row["remedies"]) == 1]

    def _result(
        self, verdict: Verdict, recording: Recording, patched: dict[str, str] | None = None
    ) -> Repair:
        from dataclasses import replace

        steps = sum(row["steps"] for row in self.rows)
        finished = replace(
            verdict,
            steps=steps,
            control_steps=max((run.steps for run in recording.runs), default=0),
            seconds=time.monotonic() - self.began,
            notes=(*verdict.notes, *self.notes),
        )
        return Repair(self.findings, finished, recording, self.rows, patched or {})

    def _run_control(self) -> Recording:
        self.say("running the script as it is")
        laboratory = self.laboratory
        deadline, laboratory.deadline = (
            laboratory.deadline,
            min(laboratory.deadline, time.monotonic() + self.options.seconds / 3),
        )
        trial = laboratory.trial((), 0)
        for _ in laboratory.run([trial]):
            pass
        laboratory.deadline = deadline
        self.control_trial = trial
        recording = trial.recording()
        if recording is None:
            raise FixError(f"the script could not be run: {_last_line(trial.output())}")
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
                f"{max((run.steps for run in trained), default=0)} steps; so are all trials"
            )
        if recording.facts.get("failed"):
            self.notes.append(f"watching failed: {recording.facts['failed']}")
        if not trained:
            raise FixError(
                "the script trains nothing that unstuck can see: no optimizer took a step; "
                "a PyTorch script has to call optimizer.step()"
            )
        self.findings = diagnose(recording, self.options.obstacles, self.options.thresholds)
        self._row(trial, recording)
        if self.options.metric is not None and math.isnan(self._metric(trial)):
            raise FixError(
                f"--metric {self.options.metric!r} matches nothing in the script's output; "
                "it needs one group around a number, such as 'accuracy: ([0-9.]+)'"
            )
        return recording

    def _search(self, first: Finding) -> tuple[Verdict, dict[str, str]]:
        candidates = plan.first_candidates(self.control, first)
        if not candidates:
            hints = ", ".join(hint.name for hint in first.remedies)
            self.notes.append(f"no remedy can be applied by itself; by hand: {hints or 'none'}")
            return Verdict("no-fix-found"), {}
        steps = plan.horizon(self.control, first)
        scores = self._race(candidates, steps)
        for _ in range(2):
            if self._good_enough(scores, steps) or self._spent():
                break
            best = self._best(scores)
            tried = {plan.label(trial.candidate) for trial in scores}
            more = plan.refinements(self.control, first, best.candidate, tried) if best else []
            if not more:
                break
            scores = {**scores, **self._race(more[:6], steps)}
        verdicts: list[tuple[Verdict, dict[str, str]]] = []
        for trial in self._finalists(scores):
            if self._spent() and verdicts:
                break
            verdict, patched = self._prove(trial, first)
            if verdict.status == "fixed":
                return verdict, patched
            verdicts.append((verdict, patched))
        improved = [v for v in verdicts if v[0].status == "improved"]
        if improved:
            return improved[0]
        tried_labels = ", ".join(dict.fromkeys(plan.label(t.candidate) for t in scores))
        self.notes.append(f"tried without success: {tried_labels}")
        return Verdict("no-fix-found", objective=self.objective), {}

    # ---------------------------------------------------------------- racing

    def _race(self, candidates: Sequence[Candidate], steps: int) -> dict[Trial, float]:
        """Run candidates for so many steps; return their scores, smaller is better."""
        laboratory = self.laboratory
        assert self.control_trial is not None
        trials = [
            laboratory.trial(
                candidate,
                0,
                stop_at=steps,
                control=self.control_trial.spec.record,
                run=self.control.index,
            )
            for candidate in candidates
        ]
        scores: dict[Trial, float] = {}
        for trial in laboratory.run(trials, lambda t: self._hopeless(t, trials, steps)):
            recording = trial.recording()
            changed = bool(recording and recording.facts.get("changes"))
            score = math.inf
            if trial.status == "crashed":
                pass
            elif trial.status == "completed" and not changed:
                trial.status = "no-effect"
            elif recording is not None:
                score = self._score(recording, steps)
            scores[trial] = score
            self._row(trial, recording)
            self.say(f"{plan.label(trial.candidate)}: {_said(trial, score)}")
        return scores

    def _hopeless(self, trial: Trial, rivals: Sequence[Trial], steps: int) -> bool:
        """Return whether a running candidate does no better than the control while others do."""
        recording = trial.recording()
        run = self._matching(recording)
        if run is None or run.steps < max(30, 0.4 * steps):
            return False
        at = run.steps - 1
        if plan.WHOLE_RUN.intersection(f.obstacle for f in self.findings if f.first):
            return not math.isfinite(_smooth(run, at))  # training loss tells nothing there
        own = _smooth(run, at)
        control = _smooth(self.control, at)
        if not math.isfinite(own):
            return True
        best = math.inf
        for rival in rivals:
            other = self._matching(rival.recording()) if rival is not trial else None
            if other is not None and other.steps > at and rival.status in ("running", "completed"):
                value = _smooth(other, at)
                best = min(best, value if math.isfinite(value) else math.inf)
        return own > 0.98 * control and best < 0.8 * own

    def _matching(self, recording: Recording | None) -> Run | None:
        """Return the treated counterpart of the control's run."""
        if recording is None:
            return None
        return next((r for r in recording.runs if r.index == self.control.index), None)

    def _score(self, recording: Recording, steps: int) -> float:
        """Return how good a run is after so many steps: smaller is better."""
        run = self._matching(recording)
        if run is None or not run.steps:
            return math.inf
        objective = self.objective
        if objective.name.startswith("validation"):
            value = _validation_at(run, objective.name, steps)
            if math.isfinite(value):
                return objective.badness(value)
        value = _smooth(run, steps - 1)
        return value if math.isfinite(value) else math.inf

    def _good_enough(self, scores: Mapping[Trial, float], steps: int) -> bool:
        """Return whether the best candidate is far ahead of the control."""
        best = min(scores.values(), default=math.inf)
        assert self.control_trial is not None
        recording = self.control_trial.recording()
        control = self._score(recording, steps) if recording else math.inf
        if not math.isfinite(control):
            return math.isfinite(best)
        return best < control - 0.5 * abs(control)

    def _best(self, scores: Mapping[Trial, float]) -> Trial | None:
        ranked = sorted((t for t in scores if math.isfinite(scores[t])), key=lambda t: scores[t])
        return ranked[0] if ranked else None

    def _finalists(self, scores: Mapping[Trial, float]) -> list[Trial]:
        """Return up to three candidates to prove, the smallest of the nearly best first."""
        finite = {t: s for t, s in scores.items() if math.isfinite(s)}
        if not finite:
            return []
        best = min(finite.values())
        assert self.control_trial is not None
        recording = self.control_trial.recording()
        steps = next(iter(finite)).spec.stop_at or self.control.steps
        control = self._score(recording, steps) if recording else math.inf
        if not math.isfinite(control):
            control = max(*finite.values(), abs(best) * 10)
        gain = control - best
        if gain <= 0:
            ranked = sorted(finite, key=lambda t: finite[t])
            return ranked[:2]
        near = [t for t in finite if control - finite[t] >= NEARLY * gain]
        near.sort(key=lambda t: (len(t.candidate), finite[t]))
        others = sorted((t for t in finite if t not in near), key=lambda t: finite[t])
        top = min(finite, key=lambda t: finite[t])
        order = [near[0], *([top] if top is not near[0] else []), *near[1:], *others]
        return list(dict.fromkeys(order))[:3]

    # ---------------------------------------------------------------- proof

    def _prove(self, trial: Trial, first: Finding) -> tuple[Verdict, dict[str, str]]:
        """Run control and treated over all seeds, the patched source wherever there is one."""
        laboratory = self.laboratory
        assert self.control_trial is not None
        name = plan.label(trial.candidate)
        recording = trial.recording()
        changes = list(recording.facts.get("changes") or []) if recording else []
        patched, notes = self._patch(changes)
        # A callable is already compiled: it is treated live, which is the same bit for bit.
        sources = {} if laboratory.target.call is not None else self._write_patched(patched)
        self.say(f"proving {name} on {self.options.seeds} seeds")
        stop_at = None if self.control_trial.status != "timed-out" else self.control.steps
        controls = self._controls(stop_at)
        treated = [
            laboratory.trial(
                trial.candidate,
                seed,
                stop_at=stop_at,
                control=self.control_trial.spec.record,
                run=self.control.index,
                sources=sources,
            )
            for seed in range(self.options.seeds)
        ]
        missing = [t for t in controls if t.status == "running"]
        order = [t for pair in zip(treated[1:], controls[1:], strict=False) for t in pair]
        batch = [treated[0], *(t for t in order if t in treated or t in missing)]
        for ended in laboratory.run(batch):
            self._row(ended, ended.recording())
        before = [self._value(t) for t in controls]
        after = [self._value(t) for t in treated]
        if any(t.status == "timed-out" for t in (*controls, *treated)):
            self.notes.append(f"the budget ended before {name} was proven")
            return Verdict("no-fix-found", objective=self.objective), {}
        compared = compare(self.objective, before, after)
        gone, news = self._cured(treated, first)
        status = "no-fix-found"
        if compared.proven:
            status = "fixed" if gone and not news else "improved"
        if news:
            notes.append(f"new in the treated runs: {', '.join(sorted(news))}")
        if not gone and compared.proven:
            notes.append(f"{first.obstacle} is still found in the treated runs")
        crashed = [t for t in treated if t.status == "crashed"]
        if crashed:
            notes.append(f"{name} makes the script fail: {_last_line(crashed[0].output())}")
        self.say(f"{name}: {status} (p = {compared.p_value:.2g})")
        diff = self._diff(patched)
        verdict = Verdict(
            status,  # type: ignore[arg-type]
            remedies=tuple(part for part in name.split(" + ")),
            objective=self.objective,
            before=tuple(before),
            after=tuple(after),
            comparison=compared,
            patch=diff,
            imports_unstuck=any(e.get("edit") and e["edit"].get("unstuck") for e in changes),
            changes=tuple(dict.fromkeys(change["what"] for change in changes)),
            notes=tuple(notes),
        )
        return verdict, patched

    def _controls(self, stop_at: int | None) -> list[Trial]:
        known = [t for t in self.laboratory.trials if not t.candidate]
        more = range(len(known), self.options.seeds)
        known += [self.laboratory.trial((), seed, stop_at=stop_at) for seed in more]
        return known[: self.options.seeds]

    def _cured(self, treated: Sequence[Trial], first: Finding) -> tuple[bool, set[str]]:
        """Return whether the diagnosis is gone in most treated trials, and which errors are new."""
        known = {f.obstacle for f in self.findings}
        remaining = 0
        news: dict[str, int] = {}
        for trial in treated:
            run = self._matching(trial.recording())
            if run is None:
                return False, set()
            thresholds = self.options.thresholds
            asked = [kind(thresholds.get(kind.name())) for kind in self._obstacles()]
            found = [f for f in diagnose_run(run, asked) if f.severity is not Severity.INFO]
            remaining += any(f.obstacle == first.obstacle for f in found)
            for f in found:
                if f.severity is Severity.ERROR and f.obstacle not in known:
                    news[f.obstacle] = news.get(f.obstacle, 0) + 1
        most = len(treated) / 2
        return remaining < most, {name for name, count in news.items() if count > most}

    def _obstacles(self) -> Sequence[type[Obstacle]]:
        from unstuck import registry

        if self.options.obstacles is not None:
            return self.options.obstacles
        return list(registry.obstacles().values())

    # ---------------------------------------------------------------- the patch

    def _patch(self, changes: Sequence[Mapping[str, Any]]) -> tuple[dict[str, str], list[str]]:
        """Return the patched source of every file that the changes touch, and remarks."""
        from unstuck.patch import apply_edits, read_source

        notes: list[str] = []
        if self.laboratory.target.call is not None and not changes:
            return {}, notes
        if any(change["edit"] is None for change in changes):
            said = "; ".join(c["what"] for c in changes if c["edit"] is None)
            return {}, [f"the script's own lines cannot say this, change it by hand: {said}"]
        by_file: dict[str, list[Edit]] = {}
        for change in changes:
            edit = from_json(change["edit"])
            by_file.setdefault(os.path.realpath(edit.location.file), []).append(edit)
        patched: dict[str, str] = {}
        for path, edits in by_file.items():
            try:
                source, _ = read_source(Path(path))
                result = apply_edits(source, edits, path)
            except (OSError, ValueError, SyntaxError) as error:
                return {}, [f"no patch for {os.path.basename(path)}: {error}"]
            if result.skipped:
                reasons = "; ".join(reason for _, reason in result.skipped)
                whats = "; ".join(dict.fromkeys(c["what"] for c in changes))
                return {}, [f"no patch ({reasons}); by hand: {whats}"]
            patched[path] = result.source
        return patched, notes

    def _write_patched(self, patched: Mapping[str, str]) -> dict[str, str]:
        from unstuck.patch import read_source

        sources: dict[str, str] = {}
        for number, (path, source) in enumerate(patched.items()):
            name = f"patched-{len(self.laboratory.trials)}-{number}.py"
            written = Path(self.laboratory.directory.name) / name
            _, encoding = read_source(Path(path))
            written.write_bytes(source.encode(encoding))
            sources[path] = str(written)
        return sources

    def _diff(self, patched: Mapping[str, str]) -> str:
        from unstuck.patch import read_source, unified_diff

        parts = []
        for path, source in patched.items():
            before, _ = read_source(Path(path))
            shown = os.path.relpath(path)
            parts.append(unified_diff(before, source, path if shown.startswith("..") else shown))
        return "".join(parts)

    # ---------------------------------------------------------------- what trials are worth

    def _objective(self) -> Objective:
        if self.options.metric is not None:
            return Objective(f"/{self.options.metric}/", self.options.goal)  # type: ignore[arg-type]
        passes = validation(self.control)
        if passes is not None:
            losses, accuracies = passes
            if losses:
                return Objective("validation loss")
            if accuracies:
                return Objective("validation accuracy", "max")
        return Objective("training loss")

    def _value(self, trial: Trial) -> float:
        """Return a trial's objective at its end, NaN if it has none."""
        if trial.status == "crashed":
            recording = trial.recording()
            same = self.control_trial is not None and self.control_trial.status == "crashed"
            if recording is None or not same:
                return math.nan
        if self.options.metric is not None:
            return self._metric(trial)
        run = self._matching(trial.recording())
        if run is None or not run.steps:
            return math.nan
        if self.objective.name.startswith("validation"):
            return _validation_at(run, self.objective.name, run.steps)
        return _smooth(run, min(run.steps, self.control.steps) - 1)

    def _metric(self, trial: Trial) -> float:
        assert self.options.metric is not None
        matches = re.findall(self.options.metric, trial.output())
        if not matches:
            return math.nan
        last = matches[-1]
        text = last if isinstance(last, str) else next((part for part in last if part), "")
        try:
            return float(text.rstrip("%"))
        except ValueError:
            return math.nan

    def _spent(self) -> bool:
        if self.laboratory.over:
            return True
        ratio = self.options.ratio
        steps = sum(row["steps"] for row in self.rows)
        return ratio is not None and steps > ratio * max(self.control.steps, 1)

    def _row(self, trial: Trial, recording: Recording | None) -> None:
        runs = recording.runs if recording else ()
        value = self._value(trial) if self.control.steps else math.nan
        self.rows.append(
            {
                "remedies": [name for name, _ in trial.candidate],
                "settings": plan.label(trial.candidate),
                "seed": trial.seed,
                "steps": max((run.steps for run in runs), default=0),
                "objective": value if math.isfinite(value) else None,
                "status": trial.status,
            }
        )


def _smooth(run: Run, step: int) -> float:
    """Return the median loss of the last losses up to a step, a tenth of them."""
    losses = run.loss.until(step)
    count = min(max(len(losses) // 10, 5), 100)
    tail = losses.values[-count:]
    if tail and not math.isfinite(tail[-1]):
        return math.inf
    return middle(tail)


def _validation_at(run: Run, name: str, steps: int) -> float:
    """Return the mean of the last two validation losses (or accuracies) up to a step."""
    passes = validation(run.until(steps))
    if passes is None:
        return math.nan
    series = passes[0] if name == "validation loss" else passes[1]
    tail = series.values[-2:]
    return sum(tail) / len(tail) if tail else math.nan


def _said(trial: Trial, score: float) -> str:
    if trial.status == "no-effect":
        return "no effect"
    if trial.status == "crashed":
        return f"cannot be applied ({_last_line(trial.output())})"
    return f"{trial.status}, {score:.4g}"


def _last_line(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return lines[-1].strip() if lines else "it printed nothing"
