"""Control against control: how often the proof calls a remedy that does nothing "proven".

``python zoo/null.py [--cases 20] [--seeds 12] [--records FOLDER] [--output PAGE.md]``. Sick
development cases, the quickest one of each obstacle, are trained once per seed. Then seeds are
drawn into disjoint triples, "control" and "treated", many times, and decided by the code that
decides a fix: three pairs with its early stop, and its second look after more steps.
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

from run import CASES, card_of

from unstuck import plan, worth
from unstuck.bench import Bench, Options
from unstuck.diagnosis import diagnose_run
from unstuck.findings import Finding, Severity
from unstuck.proof import decide
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
        self.control_trial: Any = SimpleNamespace(status="paused" if early else "completed")
        self._first = case.finding
        self._objectives: dict[int, Objective] = {}

    def aim(self, first: Finding, steps: int) -> Objective:
        if steps not in self._objectives:
            self._objectives[steps] = super().aim(first, steps)
        return self._objectives[steps]

    def value(self, trial: Any, steps: int) -> float:
        return value(trial.run, self.objective.name, steps)

    def proven(
        self, control: Sequence[Any], treated: Sequence[Any], looks: tuple[int, int]
    ) -> int | None:
        """Return after how many steps the treated counted as better, None if they did not."""
        self.objective = self.aim(self._first, looks[0])
        sides = dict(enumerate(control)), dict(enumerate(treated))
        compared, _, _, after = decide(self, *sides, range(PAIRS), looks, self._first)
        return after if compared is not None and compared.proven else None


def chosen(count: int) -> list[str]:
    """Return sick development cases: the quickest one of each obstacle, the quickest first."""
    quickest: dict[str, tuple[float, str]] = {}
    for path in sorted(CASES.glob("*.toml")):
        card = card_of(path.stem)
        if card["split"] == "dev" and card["kind"] == "sick":
            found = (card["seconds"], path.stem)
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
    proof, steps = Proof(case, early=early), looks[0]
    trials = [SimpleNamespace(run=run, status="completed", steps=run.steps) for run in case.runs]
    chance = random.Random(f"{case.name} {steps}")
    for _ in range(draws):
        chance.shuffle(trials)
        control, *rest = [trials[i : i + PAIRS] for i in range(0, len(trials), PAIRS)]
        outcomes = [proof.proven(control, treated, looks) for treated in rest[:FINALISTS]]
        treated, after = rest[0], outcomes[0]
        once = proof.proven(control, treated, (steps, steps))
        rates["one look"].add(case.name, once is not None)
        rates["all looks"].add(case.name, after is not None)
        ill = [after and shows(trial.run, after, case.finding.obstacle) for trial in treated]
        rates["fixed"].add(case.name, after is not None and sum(map(bool, ill)) <= PAIRS / 2)
        rates["finalists"].add(case.name, any(outcome is not None for outcome in outcomes))


LABELS = {
    "one look": "proven at the first look",
    "all looks": "proven at the first or the second look",
    "fixed": "of these, the obstacle not shown by most treated runs",
    "finalists": f"proven, any of {FINALISTS} finalists",
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
    parser.add_argument("--seeds", type=int, default=12, help="at least 12")
    parser.add_argument("--draws", type=int, default=DRAWS)
    parser.add_argument("--records", type=Path, help="keep records there, use those that exist")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--output", type=Path, help="write the table there (Markdown)")
    options = parser.parse_args()
    if options.seeds < PAIRS * (FINALISTS + 1):
        parser.error(f"--seeds is at least {PAIRS * (FINALISTS + 1)}")
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
