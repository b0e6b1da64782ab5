"""The proof of a candidate: control and patched source on the same seeds, then one to its end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
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

__all__ = ["decide", "prove"]

END = 2**62
"""So many steps no training takes: compared at the end."""
FOLLOWED = 0.25
"""Share of the treated run's length for which the untreated one is followed (see `plan.settled`).
"""
AHEAD = 0.5
"""A treated run that ends at so much of the control's loss need not be compared at the end."""
POINTS = 200
"""With so many points a curve is kept."""


def prove(
    bench: Bench, trial: Trial, first: Finding, steps: int, *, fresh: bool
) -> tuple[Verdict, WorkingFiles]:
    """Compare control and treated over all seeds after so many steps, then let one end.

    Args:
        bench: The fix.
        trial: A trial of the candidate, which says what it changes.
        first: What is to be cured.
        steps: After how many steps they are compared.
        fresh: Whether the control's seed is left out: it was used to choose the candidate.
    """
    name = plan.label(trial.candidate)
    cured = bench.sources.patched(trial.changes)
    notes = list(cured.notes)
    # A callable is already compiled: it is treated live, which is the same bit for bit.
    patched = not (notes or bench.laboratory.target.call is not None)
    written = cured if patched else bench.sources
    sources = written.write(bench.laboratory.directory.name, f"patched-{len(bench.tried)}")
    ended = bench.control_trial.status != "paused"
    # What the script prints is not known at steps of the past.
    if plan.at_end(trial.candidate) or (bench.options.metric is not None and ended):
        bench.finish(bench.control_trial)
        bench.control = bench.run_of(bench.control_trial) or bench.control
        steps = END
        bench.objective = bench.aim(first, bench.control.steps)
    begin = bench.control_trial.seed + fresh
    seeds = range(begin, begin + bench.options.seeds)
    when = "at the end" if steps == END else f"after {steps} steps"
    bench.say(f"proving {name} on {len(seeds)} seeds, {when}")
    early = bench.control_trial.status == "paused"
    cut = bench.control_trial.status == "timed-out"
    further = 4 * steps if early else bench.control.steps if cut else END
    pauses = [pause for pause in (steps, further) if pause != END]
    treated = {
        seed: bench.trial(trial.candidate, seed, pauses, sources=sources, live=not patched)
        for seed in seeds
    }
    controls = _controls(bench, seeds, pauses)
    compared, before, after, steps = decide(
        bench, controls, treated, seeds, (steps, further), first
    )
    whole = treated[seeds[0]]
    if compared is None or not compared.proven:
        bench.laboratory.end([*treated.values()])
        bench.say(f"{name}: not proven")
        return Verdict("no-fix-found", objective=bench.objective), WorkingFiles()
    bench.finish(whole)
    bench.laboratory.end([*treated.values()])
    if not _lasts(bench, first, whole):
        return Verdict("nothing-to-fix"), WorkingFiles()
    status: Status = "fixed"
    for problem in _problems(bench, whole, [treated[seed] for seed in seeds], first, steps):
        status = "improved"
        notes.append(problem)
    if whole.status == "timed-out":
        status = "improved"
        notes.append(f"the budget ended before the patched script did: {whole.steps} steps")
    elif whole.status != "completed" and whole.status != bench.control_trial.status:
        status = "no-fix-found"
        bench.notes.append(f"{name} makes the script fail: {last_line(whole.output())}")
    bench.say(f"{name}: {status} (p = {compared.p_value:.2g})")
    bench.wholes[tuple(name.split(" + "))] = whole
    pairs = [(control, treated[seed]) for seed, control in controls.items()]
    bench.curves[tuple(name.split(" + "))] = (
        *_curves(bench, pairs, until=steps),
        *_curves(bench, [(bench.control_trial, whole)]),
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


def _controls(bench: Bench, seeds: Sequence[int], pauses: Sequence[int]) -> dict[int, Trial]:
    for seed in seeds:
        if seed not in bench.controls:
            sources = bench.sources.write(bench.laboratory.directory.name, f"control-{seed}")
            later = [step for step in plan.moments() if step > max(pauses, default=0)]
            bench.controls[seed] = bench.laboratory.trial(
                (),
                seed,
                pauses=[*pauses, *later],
                run=bench.control.index,
                sources=sources,
                live=False,
            )
    return {seed: bench.controls[seed] for seed in seeds}


def decide(
    bench: Bench,
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
    compared, before, after = _compare(bench, controls, treated, seeds, steps)
    undecided = further > steps and (plan.structural(first) or _even(bench, before, after))
    if compared is not None and not compared.proven and undecided:
        steps = further
        bench.objective = bench.aim(first, min(steps, bench.control.steps))
        compared, before, after = _compare(bench, controls, treated, seeds, steps)
    return compared, before, after, steps


def _compare(
    bench: Bench,
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
            for _ in bench.laboratory.advance(behind):
                pass
        done = [s for s in seeds if s <= seed]
        before = [bench.value(controls[s], steps) for s in done]
        after = [bench.value(treated[s], steps) for s in done]
        if any(t.status == "timed-out" for t in pair if t is not bench.control_trial):
            bench.notes.append("the budget ended before anything was proven")
            return None, before, after
        worst = max(bench.objective.badness(value) for value in after)
        if len(seeds) == 3 and worst >= min(bench.objective.badness(v) for v in before):
            break
    return compare(bench.objective, before, after), before, after


def _curves(
    bench: Bench, pairs: Sequence[tuple[Trial, Trial]], until: int | None = None
) -> Iterator[Curve]:
    """Yield how controls and treated trials went until so many steps; None for all their steps."""
    for trial, treated in ((t, i == 1) for pair in pairs for i, t in enumerate(pair)):
        run = bench.run_of(trial) or Run()
        last = run.steps if until is None else min(until, run.steps)
        passes = validation(run)
        loss, held = (
            series.until(last - 1).thinned(max(1, -(-min(last, len(series)) // POINTS)))
            for series in (run.loss, passes[0] if passes is not None else Series())
        )
        yield Curve(treated, trial.seed, loss, held, until is None)


def _even(bench: Bench, before: Sequence[float], after: Sequence[float]) -> bool:
    """Return whether the treated are not worse on the whole."""
    return bench.objective.badness(median(after)) <= bench.objective.badness(median(before))


def _lasts(bench: Bench, first: Finding, whole: Trial) -> bool:
    """Return whether the control stays sick; what is a fact, is taken for granted.

    It is followed for a quarter of what the whole treated run took, and to its end if it is
    healthy there or if the treated run has not come much farther. Also to its end if more
    trainings followed: the one that was diagnosed may only have been a rehearsal.
    """
    trial = bench.control_trial
    if trial.status != "paused":
        return True
    seen, later = trial.recording(), whole.recording()
    if seen and later and len(later.runs) > len(seen.runs):
        return bench.end_control() is not None
    if plan.structural(first):
        return True
    while trial.status in PENDING and trial.steps < whole.steps * FOLLOWED:
        for _ in bench.laboratory.advance([trial]):
            pass
    bench.diagnose()
    lasts = plan.worth_fixing(bench.findings) is not None
    if trial.status == "paused" and not (lasts and _far_ahead(bench, whole)):
        lasts = bench.end_control() is not None
    return lasts


def _far_ahead(bench: Bench, whole: Trial) -> bool:
    """Return whether a treated run ends at less than half of the control's loss by now."""
    runs = bench.run_of(whole), bench.run_of(bench.control_trial)
    ends = [worth.value(run, "training loss", run.steps) for run in runs if run is not None]
    return len(ends) == 2 and 0 <= ends[0] <= AHEAD * ends[1]


def _problems(
    bench: Bench, whole: Trial, treated: Sequence[Trial], first: Finding, steps: int
) -> list[str]:
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
