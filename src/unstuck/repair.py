"""From a script that does not learn to a patch that was proven: control, candidates, proof."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any

from unstuck import plan, worth
from unstuck.bench import PENDING, Bench, FixError, Options, executor, last_line
from unstuck.by_hand import advice
from unstuck.diagnosis import diagnose
from unstuck.evidence import falls_behind
from unstuck.findings import Finding
from unstuck.proof import prove
from unstuck.race import NEARLY, finalists, good_enough, keeping, prepare, race, with_best_pass
from unstuck.record import Recording
from unstuck.report import Curve, Report
from unstuck.resume import Store
from unstuck.signals import Run
from unstuck.sources.script import standing
from unstuck.trials import Candidate, ExecutorError, Laboratory, Target, Trial
from unstuck.verdict import Verdict
from unstuck.working_files import WorkingFiles, rewriting

__all__ = ["Repair", "repair"]

ROUNDS = 2
"""So often a proven cure that leaves something to cure is built upon."""


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
        return Report(
            recording, self.findings, self.verdict, self.trials, verbose, curves=self.curves
        )

    def _repr_html_(self) -> str:
        from unstuck.report.html import page
        from unstuck.report.page import frame

        return frame(page(self.report()))


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
        found = _Fix(laboratory, options, say).repair()
        interrupted = found.interrupted
        return found
    except FixError:
        interrupted = False
        raise
    except ExecutorError as error:
        raise FixError(f"{error}; the same command goes on from there") from None
    finally:
        laboratory.close(interrupted=interrupted)


class _Fix(Bench):
    """The course of a fix.

    Attributes:
        improved: Cures that were proven but leave something to cure.
        interrupted: Whether the user ended it.
    """

    def __init__(
        self, laboratory: Laboratory, options: Options, say: Callable[[str], None]
    ) -> None:
        super().__init__(laboratory, options, say)
        self.improved: list[tuple[Verdict, WorkingFiles]] = []
        self.interrupted = False

    def repair(self) -> Repair:
        verdict, cured = Verdict("nothing-to-fix"), WorkingFiles()
        try:
            self._say_resumed()
            self._watch_control()
            first = plan.worth_fixing(self.findings)
            if first is not None:
                verdict, cured = self._cure(first)
                for _ in range(ROUNDS):
                    before = verdict
                    verdict, cured = self._build_upon(verdict, cured)
                    if verdict is before:  # the same candidates would be tried again
                        break
                if verdict.status not in ("fixed", "nothing-to-fix"):
                    tried = [name.partition("=")[0] for name in self.tried]
                    declined = [candidate[0][0] for candidate in self.declined()]
                    self.notes += advice(self.control, first, declined, tried)
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
        early = self.control_trial.status == "paused"  # the search may follow it to its end
        if not (early and self._hidden(first)):
            verdict, cured = self._search(first)
            if verdict.status != "no-fix-found" or not early:
                return verdict, cured
        again = self.end_control()
        if again is None:
            return Verdict("nothing-to-fix"), WorkingFiles()
        self.control = self.run_of(self.control_trial, again.run) or self.control
        return self._search(again)

    def _build_upon(self, verdict: Verdict, cured: WorkingFiles) -> tuple[Verdict, WorkingFiles]:
        """Cure what is found in the patched script, if a proven cure has left much to gain."""
        whole = self.wholes.get(verdict.remedies)
        recording = whole.recording() if whole is not None else None
        if not verdict.patch or recording is None or not cured.texts or self.spent():
            return verdict, cured
        findings = diagnose(recording, self.options.obstacles, self.options.thresholds)
        left = plan.worth_fixing(findings)
        run = self.run_of(whole, left.run) if whole is not None and left is not None else None
        if whole is None or left is None or run is None or not _worthwhile(verdict, run):
            return verdict, cured
        before = self.control_trial, self.controls, self.control, self.findings, self.sources
        self.control_trial, self.controls, self.control = whole, {whole.seed: whole}, run
        self.findings, self.sources = findings, cured
        further, both = self._search(left)
        self.control_trial, self.controls, self.control, self.findings, self.sources = before
        if further.status not in ("fixed", verdict.status):
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
            steps=round(sum(trial.cost * self.rows(trial) for trial in begun)),
            control_steps=script.total if script else self.control_trial.total,
            seconds=time.monotonic() - self.began,
            notes=tuple(dict.fromkeys((*verdict.notes, *self.notes))),
        )
        rows = [self._row(trial) for trial in begun]
        texts = dict(cured.texts)
        curves = self.curves.get(verdict.remedies, ())
        return Repair(self.findings, finished, recording, rows, texts, self.interrupted, curves)

    def _watch_control(self) -> None:
        """Run the control until its diagnosis is settled, or to its end."""
        self.say("running the script as it is")
        laboratory, trial = self.laboratory, self.control_trial
        deadline = laboratory.deadline
        laboratory.deadline = min(deadline, time.monotonic() + self.options.seconds / 3)
        seen: list[tuple[int, Finding | None]] = []
        due = iter(plan.moments())
        moment = next(due)
        while trial.status in PENDING:
            for _ in laboratory.advance([trial]):
                pass
            if trial.status == "paused" and trial.total >= moment:
                moment = next(m for m in due if m > trial.total)
                self.diagnose()
                seen.append((trial.steps, plan.worth_fixing(self.findings)))
                if plan.settled(seen) and self.measured(trial):
                    break
        laboratory.deadline = deadline
        recording = trial.recording()
        if recording is None:
            raise FixError(f"the script could not be run: {last_line(trial.output())}")
        self._check(trial, recording)
        self.diagnose()
        first = plan.worth_fixing(self.findings)
        if first is not None:
            self.control = self.run_of(trial, first.run) or self.control

    def _check(self, trial: Trial, recording: Recording) -> None:
        """Raise if the control says nothing; note what it lacks."""
        trained = [run for run in recording.runs if run.steps]
        if trial.status == "crashed":
            crash = str(recording.facts.get("crashed") or last_line(trial.output()))
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
        if self.options.metric is not None and not self.measured(trial):
            raise FixError(
                f"--metric {self.options.metric!r} matches nothing in the script's output; "
                "it needs one group around a number, such as 'accuracy: ([0-9.]+)'"
            )

    def _search(self, first: Finding) -> tuple[Verdict, WorkingFiles]:
        """Try the candidates for a diagnosis; what reads the script reads it as it stands now."""
        asked = self.options
        self.options = self._judging(first)
        try:
            with standing(self.sources.texts):
                return self._try_candidates(first)
        finally:
            self.options = asked

    def _judging(self, first: Finding) -> Options:
        """Return the options, with the script's own score where nothing measured shows a cure."""
        told = worth.printed(self.control_trial.output())
        if told is None or not self._hidden(first):
            return self.options
        return replace(self.options, metric=told[0], goal=told[1], score=told[2])

    def _hidden(self, first: Finding) -> bool:
        """Return whether only what the script prints can show a cure.

        So it is where no pass computes a loss, and that of the training says nothing: it is the
        same whatever the mode of the evaluation, and low on data that come class by class, of
        which the last one is always known.
        """
        seen = worth.objective(self.control, first.obstacle, self.control.steps)
        silent = "validation_training_mode" in first.evidence or first.obstacle in plan.FORGETTING
        return self.options.metric is None and seen.name == "training loss" and silent

    def _try_candidates(self, first: Finding) -> tuple[Verdict, WorkingFiles]:
        """Try the candidates for a diagnosis.

        A cause that is sure is undone first, by its likeliest remedy alone: the rest is tuning. A
        rate is tuned as well, so where the run then ends far from done the others are raced too.
        """
        early = self.control_trial.status == "paused"
        steps = self.control.steps if early else plan.horizon(self.control, first)
        self.racing = worth.objective(self.control, first.obstacle, steps)
        self.objective = self.aim(first, steps)
        self.say(f"found {first.obstacle}; objective: {self.objective.name}")
        undoing = plan.undoing(self.control, first, self.findings)
        others = [c for c in plan.first_candidates(self.control, first) if c not in undoing]
        if self.laboratory.target.call is not None:  # it is compiled: its source cannot change
            undoing = [c for c in undoing if not rewriting(self.control, c)]
            others = [c for c in others if not rewriting(self.control, c)]
        if not undoing and not others:
            hints = ", ".join(hint.name for hint in first.remedies)
            return self._nothing(f"no remedy can be applied by itself; by hand: {hints or 'none'}")
        self.improved = []
        fixed: tuple[Verdict, WorkingFiles] | None = None
        for candidates in (*([candidate] for candidate in undoing), others):
            undone = self.improved and plan.structural(first)  # that is built upon
            if not candidates or undone or ((fixed or self.improved) and self.spent()):
                continue
            verdict, cured = self._attempt(candidates, first, steps)
            if verdict.status in ("improved", "nothing-to-fix"):
                return verdict, cured
            if verdict.status == "fixed":
                fixed = self._better(fixed, (verdict, cured))
                if plan.structural(first) or candidates is others or self._arrived(verdict):
                    return self._farthest(fixed)
        if fixed:
            return self._farthest(fixed)
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
        scores = race(self, candidates, steps, first) if chosen else prepare(self, candidates)
        kept = keeping(self, first)
        for _ in range(2):
            if kept is not None or not chosen or good_enough(self, scores, steps) or self.spent():
                break
            leader = min(scores, key=lambda trial: scores[trial], default=None)
            if leader is None or not math.isfinite(scores[leader]):
                break
            tried = {plan.label(trial.candidate) for trial in scores}
            more = plan.refinements(self.control, first, leader.candidate, tried)
            if not more:
                break
            scores = {**scores, **race(self, more[:6], steps, first)}
        fixed: tuple[Verdict, WorkingFiles] | None = None
        best = finalists(self, scores, steps)
        for trial in with_best_pass(self, best, kept):
            if self.spent() and (self.improved or fixed):
                break
            verdict, cured = prove(self, trial, first, steps)
            if verdict.status == "nothing-to-fix":
                return verdict, cured
            if verdict.status == "improved":
                self.improved.append((verdict, cured))
                if fixed is not None:
                    return self._farthest(fixed)
            elif verdict.status == "fixed":
                if fixed is not None:
                    return self._better(fixed, (verdict, cured))
                fixed = verdict, cured
                if first.obstacle in plan.WHOLE_RUN or self._arrived(verdict):
                    break
        return fixed or self._nothing("")

    def _arrived(self, verdict: Verdict) -> bool:
        """Return whether a fixed run has come so far that another finalist need not be tried.

        What batch normalization gains in training has to show in evaluation, which it does with
        other statistics.
        """
        run = self.run_of(self.wholes[verdict.remedies])
        if run is None:
            return True
        normalized = "add-batch-norm" in verdict.remedies
        return plan.arrived(run) and not (normalized and falls_behind(run))

    def _better(
        self, one: tuple[Verdict, WorkingFiles] | None, other: tuple[Verdict, WorkingFiles]
    ) -> tuple[Verdict, WorkingFiles]:
        """Return which of two cures ends better."""
        return min(one, other, key=lambda cure: self._end(cure[0])) if one else other

    def _farthest(self, fixed: tuple[Verdict, WorkingFiles]) -> tuple[Verdict, WorkingFiles]:
        """Return the cure that leaves nothing to cure, unless another's run ends clearly better.

        What is still found there may be its first steps, which the end has made up for.
        """
        one = self._end(fixed[0])
        best = min(self.improved, key=lambda cure: self._end(cure[0]), default=fixed)
        return best if self._end(best[0]) < one - (1 - NEARLY) * abs(one) else fixed

    def _end(self, verdict: Verdict) -> float:
        """Return what a fixed run ends at; smaller is better.

        Held-out data are asked where the proof was earlier than their first pass.
        """
        whole = self.wholes[verdict.remedies]
        run = self.run_of(whole)
        if run is None or self.options.asked or self.objective.name != "training loss":
            return self.objective.badness(self.value(whole, whole.steps))
        aim = worth.objective(run, "", run.steps)
        return aim.badness(worth.value(run, aim.name, run.steps))

    def _nothing(self, note: str) -> tuple[Verdict, WorkingFiles]:
        notes = (note,) if note else ()
        return Verdict("no-fix-found", objective=self.objective, notes=notes), WorkingFiles()

    def _row(self, trial: Trial) -> dict[str, Any]:
        value = self.value(trial, trial.steps) if self.control.steps else math.nan
        return {
            "remedies": [name for name, _ in trial.candidate],
            "settings": plan.label(trial.candidate),
            "seed": trial.seed,
            "steps": trial.steps,
            "objective": value if math.isfinite(value) else None,
            "status": trial.status,
        }


def _worthwhile(verdict: Verdict, run: Run) -> bool:
    """Return whether what is found in a patched run still keeps it from much."""
    return verdict.status != "fixed" or not plan.arrived(run)


def _summary(verdict: Verdict) -> str:
    """Return what a verdict proved, in a few words."""
    objective = verdict.objective
    if objective is None or not verdict.before:
        return " + ".join(verdict.remedies)
    after = f" after {objective.steps} steps" if objective.steps else ""
    change = f"{median(verdict.before):.4g} → {median(verdict.after):.4g}"
    return f"{' + '.join(verdict.remedies)} ({objective.name} {change}{after})"
