"""The race of candidates: side by side on one seed, the worse half given up at each rung."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from unstuck import plan, worth
from unstuck.bench import Bench, last_line
from unstuck.evidence import validation
from unstuck.findings import Finding
from unstuck.trials import Candidate, Trial
from unstuck.verdict import Objective
from unstuck.working_files import rewrites, rewriting

__all__ = ["NEARLY", "finalists", "good_enough", "keeping", "prepare", "race", "with_best_pass"]

NEARLY = 0.95
"""A smaller set of remedies is preferred when it gains this share of what the best one gains. At
0.8 examples/deep_sigmoid.py got a pair that ends between 0.32 and 0.97 over seven seeds; the three
that gain most end between 0.96 and 0.98."""
RISING = 1.1
"""Validation loss over its lowest from which a candidate overfits as well."""


def prepare(bench: Bench, candidates: Sequence[Candidate]) -> dict[Trial, float]:
    """Return trials that have only said what they change, for candidates without rivals."""
    trials = _begin(bench, candidates, (), stop_at=1)
    untold = [t for t in trials if t.status == "waiting" and not t.changes]
    for trial in bench.laboratory.advance(untold):
        _note(bench, trial)
    return {trial: 0.0 for trial in trials if trial.changes and trial.status != "no-effect"}


def race(
    bench: Bench, candidates: Sequence[Candidate], steps: int, first: Finding
) -> dict[Trial, float]:
    """Run candidates for so many steps; return the scores of those that got there.

    At each of the `plan.rungs` the worse half is given up: successive halving (Jamieson and
    Talwalkar, AISTATS 2016).
    """
    trials = _begin(bench, _lessened(bench, candidates), plan.rungs(steps, first))
    alive = [trial for trial in trials if trial.status == "waiting"]
    scores: dict[Trial, float] = {}
    for rung in plan.rungs(steps, first):
        for trial in bench.laboratory.advance(alive):
            _note(bench, trial)
        alive = [trial for trial in alive if trial.status not in ("no-effect", "crashed")]
        scores = _scores(bench, alive, rung)
        ranked = sorted((t for t in alive if math.isfinite(scores[t])), key=scores.__getitem__)
        bench.leading = plan.label(ranked[0].candidate) if ranked else ""
        kept = ranked if rung == steps else ranked[: max(2, (len(ranked) + 1) // 2)]
        bench.laboratory.end([trial for trial in alive if trial not in kept])
        for trial in alive:
            said = "" if trial in kept else ", given up"
            label = plan.label(trial.candidate)
            bench.say(f"{label}: {scores[trial]:.4g} after {rung} steps{said}")
        alive = kept
    bench.laboratory.end(alive)
    bench.relapsed.update(trial for trial in alive if bench.shows(trial, first.obstacle))
    return {trial: scores[trial] for trial in alive}


def _lessened(bench: Bench, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the candidates without what had no effect before; each of them once."""
    declined = {plan.label(candidate) for candidate in bench.declined()}
    left = (tuple(item for item in c if plan.label((item,)) not in declined) for c in candidates)
    unique = {plan.label(c): c for c in left if c}
    return list(unique.values())


def _begin(
    bench: Bench, candidates: Sequence[Candidate], pauses: Sequence[int], stop_at: int | None = None
) -> list[Trial]:
    """Return trials of candidates on the control's seed, not yet running."""
    trials = []
    for candidate in candidates:
        bench.tried.append(plan.label(candidate))
        sources, changes = bench.sources, list[dict[str, Any]]()
        rewritten = rewriting(bench.control, candidate)
        if rewritten:
            changes = rewrites(bench.control, candidate)
            sources = sources.patched(changes)
            bench.notes += [f"{plan.label(candidate)}: {note}" for note in sources.notes]
        name = f"candidate-{len(bench.laboratory.trials)}"
        trial = bench.trial(
            candidate,
            bench.control_trial.seed,
            pauses,
            stop_at=stop_at,
            sources=sources.write(bench.laboratory.directory.name, name),
            live=not rewritten,
        )
        trial.changes = changes
        if rewritten and (not changes or sources.notes):
            trial.status = "no-effect"
        trials.append(trial)
    return trials


def _note(bench: Bench, trial: Trial) -> None:
    """Note what a trial has changed, and whether it can be compared."""
    recording = trial.recording()
    label = plan.label(trial.candidate)
    if recording is not None and not trial.changes:
        trial.changes = list(recording.facts.get("changes") or [])
    if trial.status == "completed" and not trial.changes:
        trial.status = "no-effect"
        bench.say(f"{label}: no effect")
    if trial.status == "crashed":
        bench.say(f"{label}: cannot be applied ({last_line(trial.output())})")


def _scores(bench: Bench, trials: Sequence[Trial], steps: int) -> dict[Trial, float]:
    """Return what trials are worth after so many steps; smaller is better.

    That is the objective (what the script prints is known at its end only, and not asked),
    or the training loss where a trial has not measured it yet.
    """
    runs = {trial: bench.run_of(trial) for trial in trials}
    for objective in (bench.racing, Objective("training loss")):
        name = objective.name
        values = {
            t: worth.value(r, name, min(steps, r.steps)) if r else math.nan for t, r in runs.items()
        }
        if not any(math.isnan(value) for value in values.values()):
            break
    return {trial: objective.badness(value) for trial, value in values.items()}


def good_enough(bench: Bench, scores: Mapping[Trial, float], steps: int) -> bool:
    """Return whether the best candidate is far enough ahead of the control.

    A tenth is enough over the first steps: other settings, learning rates above all, would be
    chosen by what is fastest there, not by where it leads (Wu et al., ICLR 2018).
    """
    best = min(scores.values(), default=math.inf)
    control = bench.control_score(steps)
    if not math.isfinite(control):
        return math.isfinite(best)
    margin = 0.1 if bench.control_trial.status == "paused" else 0.5
    return best < control - margin * abs(control)


def finalists(bench: Bench, scores: Mapping[Trial, float], steps: int) -> list[Trial]:
    """Return up to three candidates to prove, the smallest of the nearly best first.

    Those that show the same obstacle again come last.
    """
    finite = {t: s for t, s in scores.items() if math.isfinite(s)}
    if len(finite) < 2:
        return list(finite)
    well = {t: s for t, s in finite.items() if t not in bench.relapsed} or finite
    best = min(well.values())
    control = bench.control_score(steps)
    if not math.isfinite(control):
        control = max(*finite.values(), abs(best) * 10)
    ranked = sorted(well, key=well.__getitem__)
    ranked += sorted(finite.keys() - well.keys(), key=finite.__getitem__)
    if control <= best:
        return ranked[:2]
    near = [t for t in well if control - well[t] >= NEARLY * (control - best)]
    near.sort(key=lambda t: (len(t.candidate), finite[t]))
    return list(dict.fromkeys([near[0], ranked[0], *near, *ranked]))[:3]


def keeping(bench: Bench, first: Finding) -> Trial | None:
    """Return the trial that goes back to the best pass, None if the script cannot be made to."""
    candidate = plan.keeping(bench.control, first)
    if candidate is None or bench.laboratory.target.call is not None:
        return None
    return next(iter(prepare(bench, [candidate])), None)


def with_best_pass(bench: Bench, ranked: Sequence[Trial], kept: Trial | None) -> list[Trial]:
    """Return what to prove where the best pass of a run can be kept.

    What that is worth by itself is known: the control's lowest validation loss. Unless a candidate
    gains clearly more, it comes first. Else the candidate does, but together with it where the
    candidate's own validation loss rises again by the end of the race.

    Args:
        bench: The fix.
        ranked: Finalists.
        kept: See `keeping`.
    """
    passes = validation(bench.control)
    run = bench.run_of(ranked[0]) if ranked else None
    treated = validation(run) if run is not None else None
    if kept is None or passes is None:
        return list(ranked)
    if treated is None or not treated[0]:
        return [kept, *ranked]
    alone, end = min(passes[0].values), passes[0].values[-1]
    lowest, last = min(treated[0].values), treated[0].values[-1]
    both = bench.trial(plan.ordered([*ranked[0].candidate, *kept.candidate]), kept.seed, ())
    both.changes = [*ranked[0].changes, *kept.changes]
    bench.tried.append(plan.label(both.candidate))
    if end - alone >= NEARLY * (end - lowest):
        return [kept, both]
    return [both, kept] if last > RISING * lowest else [ranked[0], both, kept]
