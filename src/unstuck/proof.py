"""The proof of a candidate: control and patched source on the same seeds, then one to its end."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import takewhile
from statistics import median

from unstuck import plan, worth
from unstuck.bench import PENDING, Bench, last_line
from unstuck.evidence import validation
from unstuck.findings import Finding, Severity
from unstuck.report import Curve
from unstuck.signals import Run, Series
from unstuck.trials import Trial
from unstuck.verdict import Comparison, Status, Verdict, compare
from unstuck.working_files import WorkingFiles

__all__ = ["END", "decide", "doubled", "prove", "telling", "tries", "wins"]

END = 2**62
"""So many steps no training takes: compared at the end."""
CLEAR = 0.25
"""Share of what a pilot gains in the end by which it must be ahead to be compared sooner. To look
in vain costs no steps, as the trials go on from there; what more looks do to the error rate is
measured by zoo/null.py (docs/how-it-decides.md)."""
WORTH = 0.5
"""But where the pilot's own seed could be one of the three, so much of the gain in at most so much
of the steps: six runs to there cost less than four to the end."""
SOONEST = 16
"""Not before a sixteenth of the steps: each look is one more chance to be wrong."""
DOUBLINGS = 4
"""So often the steps are doubled until the cure of a mistake shows: up to sixteen times as many."""
AHEAD = 0.5
"""A treated run that ends at so much of the control's loss need not be compared at the end."""
POINTS = 200
"""With so many points a curve is kept."""


def prove(bench: Bench, trial: Trial, first: Finding, steps: int) -> tuple[Verdict, WorkingFiles]:
    """Compare control and treated over all seeds after so many steps or fewer, then let one end.

    Args:
        bench: The fix.
        trial: A trial of the candidate, which says what it changes.
        first: What is to be cured.
        steps: After how many steps of the control they are compared at first.
    """
    name = plan.label(trial.candidate)
    cured = bench.sources.patched(trial.changes)
    notes = list(cured.notes)
    # A callable is already compiled: it is treated live, which is the same bit for bit.
    patched = not (notes or bench.laboratory.target.call is not None)
    written = cured if patched else bench.sources
    sources = written.write(bench.laboratory.directory.name, f"patched-{len(bench.tried)}")
    early = bench.control_trial.status == "paused"
    cut = bench.control_trial.status == "timed-out"
    last = steps >= bench.control.steps and not cut
    # What is printed, or evaluated behind the last step, is not known at steps of the past.
    if not early and (last or bench.options.metric is not None):
        steps = END
    further = 4 * steps if early else bench.control.steps if cut else END
    pace = _pace(bench, trial)

    def start(seed: int, looks: Sequence[int]) -> Trial:
        pauses = sorted({_reached(look, pace) for look in looks} - {END})
        return bench.trial(trial.candidate, seed, pauses, sources=sources, live=not patched)

    raced = trial.spec.stop_at is None  # and chosen by what it showed on the control's seed
    tried = tries(first, steps, further, early=early)
    pilot = None if raced else start(bench.control_trial.seed, tried)
    if pilot is not None:
        bench.say(f"trying {name}{_when(steps)}")
        reached = wins(bench, pilot, tried, pace, first)
        if reached is None:
            bench.laboratory.end([pilot])
            if pilot.status == "crashed" and bench.control_trial.status != "crashed":
                _note_failure(bench, name, pilot)
            bench.say(f"{name}: not better than the script as it is")
            return Verdict("no-fix-found", objective=bench.objective), WorkingFiles()
        steps, further = reached, max(reached, further)
    apart = raced or steps > tried[0]  # what was chosen by a seed is not tested on it
    sooner = telling(bench, pilot or trial, steps, pace, first, apart=apart)
    begin = bench.control_trial.seed + bool(apart or sooner)
    seeds = range(begin, begin + bench.options.seeds)
    looks = sorted({*sooner, steps, *doubled(steps, further)})  # of a cut run, both
    bench.say(f"proving {name} on {len(seeds)} seeds{_when(looks[0])}")
    controls = _controls(bench, seeds, [look for look in looks if look != END])
    treated = {
        seed: pilot if pilot and seed == pilot.seed else start(seed, looks) for seed in seeds
    }
    compared, before, after, steps = decide(
        bench, controls, treated, looks, first, pace, sure=steps
    )
    whole = pilot or treated[seeds[0]]
    if compared is None or not compared.proven:
        bench.laboratory.end([whole, *treated.values()])
        bench.say(f"{name}: not proven")
        return Verdict("no-fix-found", objective=bench.objective), WorkingFiles()
    bench.finish(whole)
    bench.laboratory.end([*treated.values()])
    if not _lasts(bench, first, whole):
        return Verdict("nothing-to-fix"), WorkingFiles()
    status: Status = "fixed"
    for problem in _problems(bench, whole, [treated[seed] for seed in seeds], first):
        status = "improved"
        notes.append(problem)
    if whole.status == "timed-out":
        status = "improved"
        notes.append(f"the budget ended before the patched script did: {whole.steps} steps")
    elif whole.status != "completed" and whole.status != bench.control_trial.status:
        status = "no-fix-found"
        _note_failure(bench, name, whole)
    bench.say(f"{name}: {status} (p = {compared.p_value:.2g})")
    bench.wholes[tuple(name.split(" + "))] = whole
    bench.curves[tuple(name.split(" + "))] = (
        *(_curve(bench, controls[seed], False, steps) for seed in seeds),
        *(_curve(bench, treated[seed], True, _reached(steps, pace)) for seed in seeds),
        _curve(bench, bench.control_trial, False),
        _curve(bench, whole, True),
    )
    verdict = Verdict(
        status,
        remedies=tuple(name.split(" + ")),
        objective=replace(bench.objective, steps=None if steps == END else steps),
        before=tuple(before),
        after=tuple(after),
        comparison=compared,
        patch=cured.diff(),
        imports_unstuck=any(c["edit"] and c["edit"].get("unstuck") for c in trial.changes),
        changes=tuple(dict.fromkeys(change["what"] for change in trial.changes)),
        notes=tuple(notes),
    )
    return verdict, cured


def _note_failure(bench: Bench, name: str, trial: Trial) -> None:
    bench.notes.append(f"{name} makes the script fail: {last_line(trial.output())}")


def _when(steps: int) -> str:
    return ", at the end" if steps == END else f", after {steps} steps"


def _pace(bench: Bench, trial: Trial) -> float:
    """Return how many steps a treated run makes while the control makes one.

    More where the batches are smaller; what goes back to its best pass is compared at its end.
    """
    if plan.keeps_best(trial.candidate):
        return math.inf
    share = bench.rows(trial)
    return 1 / share if share > 0 else 1.0


def _reached(steps: int, pace: float) -> int:
    """Return at which of its steps a treated run is compared with so many of the control's."""
    return END if steps == END or math.isinf(pace) else max(1, round(steps * pace))


def _advance(bench: Bench, trials: Sequence[tuple[Trial, int]]) -> None:
    """Run each trial until it has taken so many steps, or has ended."""
    while behind := [t for t, steps in trials if t.status in PENDING and t.steps < steps]:
        for _ in bench.laboratory.advance(behind):
            pass


def tries(first: Finding, steps: int, further: int, *, early: bool) -> list[int]:
    """Return after how many steps a pilot may win, ascending.

    What a mistake of the script does is certain, not how soon: under Adam it takes hundreds of
    steps until it shows that gradients add up.
    """
    if early and plan.structural(first):
        return [steps * 2**power for power in range(DOUBLINGS + 1)]
    return [steps, further]


def wins(
    bench: Bench, pilot: Trial, looks: Sequence[int], pace: float, first: Finding
) -> int | None:
    """Return after how many steps the pilot is better than the control, None if it is not.

    Nor if a rate that was corrected shows the same obstacle still: others are raced instead.
    """
    control = bench.control_trial
    for steps in looks:
        _advance(bench, [(control, steps), (pilot, _reached(steps, pace))])
        bench.control = bench.run_of(control) or bench.control
        bench.objective = bench.aim(first, min(steps, bench.control.steps))
        values = [bench.value(control, steps), bench.value(pilot, _reached(steps, pace))]
        before, after = map(bench.objective.badness, values)
        if after < before:
            still = first.obstacle in plan.RATES and bench.shows(pilot, first.obstacle)
            return None if still else steps
        if pilot.status == "timed-out":
            bench.notes.append("the budget ended before anything was proven")
            return None
        if not plan.caused(first) and after > before:
            return None
    return None


def doubled(steps: int, further: int) -> list[int]:
    """Return after how many steps to compare, and again each time that proves nothing.

    In vain costs no steps: the trials go on from there. Nothing lies between some steps and an end.
    """
    if further == END:
        return [steps, further]
    return [*takewhile(lambda look: look < further, (steps * 2**n for n in range(62))), further]


def telling(
    bench: Bench, pilot: Trial, steps: int, pace: float, first: Finding, *, apart: bool
) -> list[int]:
    """Return when to compare sooner: as soon as the pilot was ahead, after twice as long, ...

    It has to be ahead of the control from there on, by a share of what it gains in the end, and in
    the same objective. The seed on which this is looked up is left out of the proof.

    Args:
        bench: The fix.
        pilot: A treated trial of the control's seed.
        steps: After how many steps of the control it won.
        pace: Steps of a treated run for one of the control's.
        first: What is to be cured.
        apart: Whether that seed is left out in any case.
    """
    control, treated = bench.control, bench.run_of(pilot)
    aim = bench.aim(first, min(steps, control.steps))
    if treated is None or treated.steps < min(steps, _reached(steps, pace)):
        return []
    if steps == END or bench.options.metric is not None or math.isinf(pace):
        return []

    def gain(look: int) -> float:
        if bench.aim(first, look).name != aim.name:
            return math.nan
        before = worth.value(control, aim.name, look)
        after = worth.value(treated, aim.name, min(_reached(look, pace), treated.steps))
        return aim.badness(before) - aim.badness(after)

    least = (CLEAR if apart else WORTH) * gain(steps)
    last = steps if apart else steps * WORTH
    sooner = [p for p in takewhile(lambda p: p < steps, plan.pauses()) if p * SOONEST >= steps]
    ahead = [*takewhile(lambda look: gain(look) >= least > 0, reversed(sooner))]
    if not ahead or ahead[-1] > last:
        return []
    return [*takewhile(lambda look: look < steps, doubled(ahead[-1], steps))]


def _controls(bench: Bench, seeds: Sequence[int], looks: Sequence[int]) -> dict[int, Trial]:
    for seed in seeds:
        if seed not in bench.controls:
            sources = bench.sources.write(bench.laboratory.directory.name, f"control-{seed}")
            later = [step for step in plan.pauses() if step > max(looks, default=0)]
            bench.controls[seed] = bench.laboratory.trial(
                (),
                seed,
                pauses=[*looks, *later],
                run=bench.control.index,
                sources=sources,
                live=False,
            )
    return {seed: bench.controls[seed] for seed in seeds}


def decide(
    bench: Bench,
    controls: Mapping[int, Trial],
    treated: Mapping[int, Trial],
    looks: Sequence[int],
    first: Finding,
    pace: float = 1.0,
    sure: int = 0,
) -> tuple[Comparison | None, list[float], list[float], int]:
    """Compare after so many steps, and again after further ones as long as that may tell.

    Args:
        bench: The fix.
        controls: Untreated trials by seed.
        treated: Treated trials of the same seeds.
        looks: After how many steps of the control, ascending.
        first: What is to be cured.
        pace: Steps of a treated run for one of the control's.
        sure: Before so many steps, nothing is given up for being behind.

    Returns:
        The last comparison (see `_compare`), both sides' values, and after how many steps.
    """
    compared, before, after, steps = None, list[float](), list[float](), looks[0]
    for steps in looks:
        bench.objective = bench.aim(first, min(steps, bench.control.steps))
        compared, before, after = _compare(bench, controls, treated, steps, pace)
        if compared is None or compared.proven:
            break
        if steps >= sure and not (plan.caused(first) or _even(bench, before, after)):
            break
    return compared, before, after, steps


def _compare(
    bench: Bench,
    controls: Mapping[int, Trial],
    treated: Mapping[int, Trial],
    steps: int,
    pace: float,
) -> tuple[Comparison | None, list[float], list[float]]:
    """Return the comparison after so many steps; None if the time is over, or it is lost.

    With three seeds a proof needs every treated value to be better than every control's, so
    one that is not ends it.
    """
    before, after = list[float](), list[float]()
    reached = _reached(steps, pace)
    for seed, trial in treated.items():
        control = controls[seed]
        _advance(bench, [(control, steps), (trial, reached)])
        before.append(bench.value(control, steps))
        after.append(bench.value(trial, reached))
        if any(t.status == "timed-out" for t in (control, trial) if t is not bench.control_trial):
            bench.notes.append("the budget ended before anything was proven")
            return None, before, after
        worst = max(bench.objective.badness(value) for value in after)
        if len(treated) == 3 and worst >= min(bench.objective.badness(v) for v in before):
            break
    return compare(bench.objective, before, after), before, after


def _curve(bench: Bench, trial: Trial, treated: bool, until: int | None = None) -> Curve:
    """Return how a trial went until so many steps; None for all its steps."""
    run = bench.run_of(trial) or Run()
    last = run.steps if until is None else min(until, run.steps)
    passes = validation(run)
    loss, held = (
        series.until(last - 1).thinned(max(1, -(-min(last, len(series)) // POINTS)))
        for series in (run.loss, passes[0] if passes is not None else Series())
    )
    return Curve(treated, trial.seed, loss, held, until is None)


def _even(bench: Bench, before: Sequence[float], after: Sequence[float]) -> bool:
    """Return whether the treated are not worse on the whole."""
    return bench.objective.badness(median(after)) <= bench.objective.badness(median(before))


def _lasts(bench: Bench, first: Finding, whole: Trial) -> bool:
    """Return whether the control stays sick; what is a fact, is taken for granted.

    It is followed for a part of what the whole treated run took (`plan.followed`), and to its end
    if it is healthy there or, where the finding is no fact, if the treated run has not come much
    farther. Also to its end if more trainings followed: the one that was diagnosed may only have
    been a rehearsal.
    """
    trial = bench.control_trial
    if trial.status != "paused":
        return True
    seen, later = trial.recording(), whole.recording()
    if seen and later and len(later.runs) > len(seen.runs):
        return bench.end_control() is not None
    share = plan.followed(first)
    if not share:
        return True
    while trial.status in PENDING and trial.steps < whole.steps * share:
        for _ in bench.laboratory.advance([trial]):
            pass
    bench.diagnose()
    lasts = plan.worth_fixing(bench.findings) is not None
    ahead = plan.structural(first) or _far_ahead(bench, whole)
    if trial.status == "paused" and not (lasts and ahead):
        lasts = bench.end_control() is not None
    return lasts


def _far_ahead(bench: Bench, whole: Trial) -> bool:
    """Return whether a treated run ends at less than half of the control's loss by now."""
    runs = bench.run_of(whole), bench.run_of(bench.control_trial)
    ends = [worth.value(run, "training loss", run.steps) for run in runs if run is not None]
    return len(ends) == 2 and 0 <= ends[0] <= AHEAD * ends[1]


def _problems(bench: Bench, whole: Trial, treated: Sequence[Trial], first: Finding) -> list[str]:
    """Return why a proven difference is no cure."""
    problems = []
    if sum(bench.shows(trial, first.obstacle) for trial in treated) > len(treated) / 2:
        problems.append(f"{first.obstacle} is still found in the treated runs")
    elif bench.shows(whole, first.obstacle):
        problems.append(f"{first.obstacle} is found again at the end of the treated run")
    known = {finding.obstacle for finding in bench.findings}
    found = bench.found(whole)
    news = {f.obstacle for f in found if f.severity is Severity.ERROR} - known
    if news:
        problems.append(f"new in the treated runs: {', '.join(sorted(news))}")
    left = {f.obstacle for f in found if f.first} - news - {first.obstacle}
    if left and plan.structural(first):
        problems.append(f"then found in the treated runs: {', '.join(sorted(left))}")
    end = bench.value(whole, whole.steps)
    control = bench.value(bench.control_trial, bench.control_trial.steps)
    if bench.objective.badness(end) >= bench.objective.badness(control):
        problems.append(f"the treated run ends at {end:.4g}, the control at {control:.4g}")
    return problems
