"""Control against control: how often the proof calls a remedy that does nothing "proven".

``python zoo/null.py [--cases 20] [--seeds 12] [--records FOLDER] [--output PAGE.md]``. Sick
development cases, the quickest one of each obstacle, are trained once per seed. Then seeds are
drawn into disjoint fours, "control" and "treated", many times, and decided by the code that decides
a fix: a pilot on one seed that has to win, then three pairs with its early stop, looked at as soon
as the pilot told, and again after more steps.
"""

from __future__ import annotations

import argparse
import random
import shutil
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from run import CASES, card_of, names_of

from unstuck import plan, worth
from unstuck.bench import Bench, Options
from unstuck.diagnosis import diagnose_run
from unstuck.findings import Finding, Severity
from unstuck.proof import decide, doubled, telling, tries, wins
from unstuck.record import RecordError, read
from unstuck.registry import obstacles
from unstuck.signals import Run
from unstuck.trials import Laboratory, LocalExecutor, Target, imports
from unstuck.verdict import ERROR_RATE, Objective

SECONDS = 240.0
"""A case whose seeds take longer than this is left out."""
DRAWS = 2000
"""So many divisions of the seeds per case and step."""
PAIRS = 3
"""Seeds of a proof."""
FINALISTS = 3
"""So many candidates does a fix prove in turn at most, against the same controls."""


@dataclass(frozen=True)
class Case:
    """Untreated trainings of one case, one per seed."""

    name: str
    finding: Finding
    runs: tuple[Run, ...]


@dataclass
class Rates:
    """How often something was decided, case by case: (times, draws)."""

    counts: dict[str, list[int]] = field(default_factory=dict)

    def add(self, case: str, happened: bool) -> None:
        count = self.counts.setdefault(case, [0, 0])
        count[0] += happened
        count[1] += 1

    def mean(self, cases: Sequence[str]) -> float:
        return sum(self.counts[c][0] / self.counts[c][1] for c in cases) / max(len(cases), 1)

    def interval(self, draws: int = 2000) -> tuple[float, float]:
        """Return the 95 % interval of the mean rate, by bootstrap over cases."""
        names, chance = list(self.counts), random.Random(0)
        means = sorted(self.mean(chance.choices(names, k=len(names))) for _ in range(draws))
        return means[int(0.025 * draws)], means[int(0.975 * draws)]

    def shown(self) -> str:
        low, high = self.interval()
        return f"{self.mean(list(self.counts)):.1%} ({low:.1%} to {high:.1%})"


class Proof(Bench):
    """The proof of a fix, over trainings that were recorded before."""

    def __init__(self, case: Case, *, early: bool) -> None:
        self.options = Options()
        self.control = case.runs[0]
        self.laboratory: Any = SimpleNamespace(advance=lambda trials: iter(()))
        self.control_trial: Any = SimpleNamespace(
            status="paused" if early else "completed", seed=0, steps=2**62
        )
        self._first = case.finding
        self._objectives: dict[int, Objective] = {}

    def aim(self, first: Finding, steps: int) -> Objective:
        if steps not in self._objectives:
            self._objectives[steps] = super().aim(first, steps)
        return self._objectives[steps]

    def value(self, trial: Any, steps: int) -> float:
        return value(trial.run, self.objective.name, steps)

    def run_of(self, trial: Any, index: int | None = None) -> Run | None:
        run: Run = trial.run
        return run

    def proven(
        self, control: Sequence[Any], treated: Sequence[Any], *looks: int, sure: int = 0
    ) -> int | None:
        """Return after how many steps the treated counted as better, None if they did not."""
        sides = dict(enumerate(control)), dict(enumerate(treated))
        compared, _, _, after = decide(self, *sides, sorted(set(looks)), self._first, sure=sure)
        return after if compared is not None and compared.proven else None

    def piloted(
        self,
        control: Sequence[Any],
        treated: Sequence[Any],
        steps: int,
        further: int,
        *,
        raced: bool,
    ) -> int | None:
        """Return the same where the first pair is the pilot's.

        Args:
            control: Four untreated trainings.
            treated: Four others.
            steps: After so many steps the pilot has to win,
            further: or after so many.
            raced: Whether it has been chosen by a race: then it need not win.
        """
        self.control_trial.run = self.control = control[0].run
        tried = tries(self._first, steps, further, early=self.control_trial.status == "paused")
        won = wins(self, treated[0], tried, 1.0, self._first)
        if won is None and not raced:
            return None
        steps = steps if raced else won or steps
        apart = raced or steps > tried[0]
        sooner = telling(self, treated[0], steps, 1.0, self._first, apart=apart)
        begin = int(apart or bool(sooner))
        pairs = control[begin:][:PAIRS], treated[begin:][:PAIRS]
        return self.proven(*pairs, *sooner, *doubled(steps, max(steps, further)), sure=steps)


def chosen(count: int) -> list[str]:
    """Return sick development cases: the quickest one of each obstacle, the quickest first."""
    quickest: dict[str, tuple[float, str]] = {}
    for name in names_of("dev", ""):
        card = card_of(name)
        if card["kind"] == "sick":
            found = (card["seconds"], name)
            obstacle = card["accepted"][0]
            quickest[obstacle] = min(found, quickest.get(obstacle, found))
    return [name for _, name in sorted(quickest.values())[:count]]


def train(name: str, seeds: int, records: Path, workers: int) -> None:
    """Record a case's trainings, those that are not there yet."""
    script = str(CASES / f"{name}.py")
    missing = [s for s in range(seeds) if not (records / f"{name}.{s}.db").exists()]
    if not missing:
        return
    executor = LocalExecutor(workers, imports(script), threads=1)
    laboratory = Laboratory(executor, Target(script), time.monotonic() + SECONDS)
    try:
        trials = [laboratory.trial((), seed, budget=0.1) for seed in missing]
        for trial in trials:  # the values that are compared do not depend on the deep samples
            trial.spec = replace(trial.spec, trial=False)
        for trial in laboratory.advance(trials):
            if trial.status != "completed":
                print(f"{name}, seed {trial.seed}: {trial.status} {trial.output()[-100:]!r}")
            else:
                shutil.move(trial.spec.record, records / f"{name}.{trial.seed}.db")
    finally:
        laboratory.close()


def load(name: str, seeds: int, records: Path) -> Case | None:
    """Return a case whose trainings were all recorded."""
    runs = []
    for seed in range(seeds):
        try:
            trained = [run for run in read(records / f"{name}.{seed}.db").runs if run.steps]
        except RecordError:
            return None
        if not trained:
            return None
        runs.append(trained[0])
    accepted = card_of(name)["accepted"][0]
    code = obstacles()[accepted].code
    return Case(name, Finding(accepted, code, Severity.ERROR, ""), tuple(runs))


def moments(run: Run) -> list[int]:
    """Return after how many steps a fix may compare early: the first, a middle and a last one."""
    fit = [steps for steps in plan.moments() if steps >= 24 and 4 * steps <= run.steps]
    return sorted({fit[0], fit[len(fit) // 2], fit[-1]}) if fit else []


@cache
def shows(run: Run, steps: int, obstacle: str) -> bool:
    """Return whether a training shows an obstacle after so many steps."""
    known = [kind() for kind in obstacles().values()]
    return any(f.obstacle == obstacle for f in diagnose_run(run.until(steps - 1), known))


@cache
def value(run: Run, objective: str, steps: int) -> float:
    """Return what a training is worth after so many steps."""
    return worth.value(run, objective, steps)


def simulate(
    case: Case, looks: tuple[int, int], *, early: bool, draws: int, rates: Mapping[str, Rates]
) -> None:
    """Draw control and treated from a case's seeds, and note what the proof says."""
    proof, (steps, further) = Proof(case, early=early), looks
    trials = [
        SimpleNamespace(run=run, status="completed", steps=run.steps, candidate=())
        for run in case.runs
    ]
    chance = random.Random(f"{case.name} {steps}")
    for _ in range(draws):
        chance.shuffle(trials)
        size = PAIRS + 1
        control, *rest = [trials[i : i + size] for i in range(0, len(trials) - size + 1, size)]
        treated = rest[0]
        rates["one look"].add(case.name, proof.proven(control[1:], treated[1:], steps) is not None)
        after = proof.piloted(control, treated, steps, further, raced=False)
        rates["alone"].add(case.name, after is not None)
        ill = [after and shows(trial.run, after, case.finding.obstacle) for trial in treated[1:]]
        rates["fixed"].add(case.name, after is not None and sum(map(bool, ill)) <= PAIRS / 2)
        outcomes = [
            proof.piloted(control, group, steps, further, raced=True) for group in rest[:FINALISTS]
        ]
        rates["raced"].add(case.name, outcomes[0] is not None)
        rates["finalists"].add(case.name, any(outcome is not None for outcome in outcomes))


LABELS = {
    "one look": "three pairs, one look",
    "alone": "a candidate without rivals: pilot, then several looks",
    "fixed": "of these, the obstacle not shown by most treated runs",
    "raced": "a candidate drawn at random from a race: several looks",
    "finalists": f"any of {FINALISTS} such candidates",
}


def measured(cases: Iterable[Case], draws: int) -> dict[str, dict[str, Rates]]:
    """Return the rates where the control is known to its end, and where it is paused early."""
    found = {part: {name: Rates() for name in LABELS} for part in ("whole", "early")}
    for case in cases:
        shortest = min(case.runs, key=lambda run: run.steps)
        looks = (plan.horizon(shortest, case.finding), shortest.steps)
        simulate(case, looks, early=False, draws=draws, rates=found["whole"])
        for steps in moments(shortest) if case.finding.obstacle not in plan.WHOLE_RUN else ():
            simulate(case, (steps, 4 * steps), early=True, draws=draws, rates=found["early"])
    return found


def table(found: Mapping[str, Mapping[str, Rates]]) -> str:
    """Return the rates with their intervals as Markdown."""
    lines = [
        "| | control known to its end: a third, all of it | paused early: n steps, 4 n steps |",
        "|---|---|---|",
    ]
    for name, label in LABELS.items():
        parts = [found[part][name].shown() for part in ("whole", "early")]
        lines.append(f"| {label} | {' | '.join(parts)} |")
    sizes = [len(found[part]["one look"].counts) for part in ("whole", "early")]
    lines.append(f"| cases | {' | '.join(map(str, sizes))} |")
    return "\n".join(lines)


def main() -> None:
    """Train what is missing, draw, print the table."""
    parser = argparse.ArgumentParser(description="Control against control.")
    parser.add_argument("--cases", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=16, help="at least 16")
    parser.add_argument("--draws", type=int, default=DRAWS)
    parser.add_argument("--records", type=Path, help="keep records there, use those that exist")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--output", type=Path, help="write the table there (Markdown)")
    options = parser.parse_args()
    if options.seeds < (PAIRS + 1) * (FINALISTS + 1):
        parser.error(f"--seeds is at least {(PAIRS + 1) * (FINALISTS + 1)}")
    with tempfile.TemporaryDirectory() as folder:
        records = options.records or Path(folder)
        records.mkdir(parents=True, exist_ok=True)
        cases = []
        for name in chosen(options.cases):
            train(name, options.seeds, records, options.workers)
            case = load(name, options.seeds, records)
            steps = f"{case.runs[0].steps} steps" if case else "left out: too long, or it crashes"
            print(f"{name}: {steps}", flush=True)
            cases += [case] if case else []
        text = table(measured(cases, options.draws))
    print(f"\nStated error rate: {ERROR_RATE:.0%}\n\n{text}")
    if options.output:
        options.output.write_text(text + "\n")


if __name__ == "__main__":
    main()
