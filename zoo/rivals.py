"""What else could repair a training at the same cost: random search, and AutoTrainer's order.

Both have our remedies, our live treatment and our patches, and may train as many steps as
`unstuck fix` took on the same case. Neither pays for a proof, nor for the last run of its patch.
"""

from __future__ import annotations

import itertools
import math
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from unstuck import plan, registry, worth
from unstuck.bench import Options, executor
from unstuck.evidence import descent, middle
from unstuck.findings import Applicability, Finding, Severity
from unstuck.remedies import Settings
from unstuck.signals import Run
from unstuck.trials import Candidate, Laboratory, Target, Trial
from unstuck.working_files import WorkingFiles, rewrites, rewriting

SHARE = 4
"""Random search trains each candidate for one part in so many of the run, as a race does."""
SECONDS = 900.0
NEUTRAL = Finding("", "", Severity.INFO, "")
"""Random search knows no diagnosis."""


@dataclass
class Workshop:
    """One script, its untreated run and what may still be spent on it.

    Attributes:
        laboratory: Where trials run.
        control: The untreated trial, run to its end.
        run: What was measured of it.
        left: Steps that may still be trained.
    """

    laboratory: Laboratory
    control: Trial
    run: Run
    left: float

    def attempt(self, candidate: Candidate, steps: int) -> tuple[float, WorkingFiles, Run | None]:
        """Return the badness of a candidate after so many steps, its patch, and its run.

        Infinite, with no patch, where it cannot be applied, patched or compared.
        """
        sources, changes = WorkingFiles(), list[dict[str, object]]()
        if rewriting(self.run, candidate):
            changes = rewrites(self.run, candidate)
            sources = sources.patched(changes)
        if rewriting(self.run, candidate) and (not changes or sources.notes):
            return math.inf, WorkingFiles(), None
        laboratory = self.laboratory
        trial = laboratory.trial(
            candidate,
            0,
            stop_at=steps if steps < self.run.steps else None,
            control=self.control.spec.record,
            run=self.run.index,
            sources=sources.write(laboratory.directory.name, f"rival-{len(laboratory.trials)}"),
            live=not rewriting(self.run, candidate),
        )
        for _ in laboratory.advance([trial]):
            pass
        self.left -= trial.total
        recording = trial.recording()
        runs = recording.runs if recording else ()
        run = next((r for r in runs if r.index == self.run.index), None)
        if recording is None or run is None or trial.status == "crashed":
            return math.inf, WorkingFiles(), None
        cured = WorkingFiles().patched(changes or list(recording.facts.get("changes") or []))
        if cured.notes or not cured.texts:
            return math.inf, WorkingFiles(), run
        return self.badness(run, steps), cured, run

    def badness(self, run: Run, steps: int) -> float:
        """Return what a run is worth after so many steps; smaller is better."""
        objective = worth.objective(self.run, "", min(steps, self.run.steps))
        value = worth.value(run, objective.name, min(steps, run.steps))
        return objective.badness(value) if math.isfinite(value) else math.inf


Strategy = Callable[[Workshop, random.Random], WorkingFiles]


def random_search(shop: Workshop, draw: random.Random) -> WorkingFiles:
    """Return the patch of the best of randomly drawn candidates, none better than the control.

    One to three remedies (or one that rewrites the script), each with one of the settings that it
    derives from the run: the settings are a gift.
    """
    known: dict[str, Sequence[Settings]] = {}
    for name, kind in registry.remedies().items():
        settings = kind().settings(shop.run, NEUTRAL)
        if settings and kind.applicability is not Applicability.DISPLAY:
            known[name] = settings
    steps = max(shop.run.steps // SHARE, 1)
    best, found = shop.badness(shop.run, steps), WorkingFiles()
    shop.left += shop.run.steps - steps  # it needs the control only so far
    for _ in range(100):
        if shop.left < steps:
            break
        names = draw.sample(sorted(known), draw.randint(1, 3))
        sources = [name for name in names if registry.remedy(name).stage == "source"]
        names = sources[:1] or names  # what rewrites the script goes alone
        candidate = plan.ordered((name, draw.choice(list(known[name]))) for name in names)
        score, cured, _ = shop.attempt(candidate, steps)
        if score < best:
            best, found = score, cured
    return found


def autotrainer(shop: Workshop, draw: random.Random) -> WorkingFiles:
    """Return the patch of the first solution after which AutoTrainer sees no problem any more.

    Its thresholds and the order of its strategy "balance" (prior publication: Zhang et al., ICSE
    2021, and the artefact's ``repair.py``); its SELU is our leaky ReLU. Every solution is trained
    to the end. At least one is tried, whatever the budget.
    """
    problem = symptom(shop.run)
    if problem is None:
        return WorkingFiles()
    best, found = shop.badness(shop.run, shop.run.steps), WorkingFiles()
    for number, candidate in enumerate(solutions(problem, shop.run, draw)):
        if number and shop.left < shop.run.steps:
            break
        score, cured, run = shop.attempt(candidate, shop.run.steps)
        if run is not None and cured.texts and symptom(run) is None:
            return cured
        if score < best:
            best, found = score, cured
    return found


def symptom(run: Run) -> str | None:
    """Return the problem that AutoTrainer sees in a run, None without one.

    Thresholds of its code: ratio of first to last gradient below 1e-3 and the first below 1e-4
    (vanishing), above 70 or a loss beyond 1e3 or NaN (exploding), 70 % dead units, accuracy that
    swings by 0.03 in a fifth of the epochs, accuracy below 0.7 (slow convergence); hidden outputs
    of 10 and more on average (abnormal data).
    """
    layers = [la for la in run.weights if run.of("gradient_rms", la.name).finite()]
    norms = [
        middle(run.of("gradient_rms", la.name).values) * math.sqrt(math.prod(la.shape))
        for la in layers
    ]
    went = descent(run)
    if any(not math.isfinite(loss) or loss >= 1e3 for loss in run.loss):
        return "exploding"
    if any(middle(run.of("output_rms", la.name).values) >= 10 for la in layers[:-1]):
        return "data"
    if len(norms) > 1 and not went.accuracy >= 0.7:
        if norms[0] < 1e-3 * norms[-1] and norms[0] < 1e-4:
            return "vanishing"
        if norms[0] > 70 * norms[-1]:
            return "exploding"
    if any(middle(run.of("dead_share", a.name).values) >= 0.7 for a in run.activations):
        return "dying"
    accuracies = run.of("validation_accuracy").values or run.of("batch_accuracy").values
    swings = [b - a for a, b in itertools.pairwise(accuracies)]
    turns = sum(a * b < 0 and min(abs(a), abs(b)) >= 0.03 for a, b in itertools.pairwise(swings))
    if len(swings) >= 5 and turns >= 0.2 * len(swings) and not went.accuracy >= 0.7:
        return "oscillating"
    if math.isfinite(went.accuracy) and went.accuracy < 0.7:
        return "slow"
    return None


def solutions(problem: str, run: Run, draw: random.Random) -> Iterator[Candidate]:
    """Yield what AutoTrainer's strategy "balance" tries for a problem, in its order."""
    rate = run.optimizer.settings.get("lr", 0.01)
    relu: Candidate = (("use-relu", {}), ("use-he-initialization", {}))
    norm: Candidate = (("add-batch-norm", {}),)
    leaky: Candidate = (
        ("use-leaky-relu", {"negative_slope": 0.01}),
        ("use-xavier-initialization", {}),
    )
    initial: list[Candidate] = [
        ((name, {}),)
        for name in draw.choices(["use-he-initialization", "use-xavier-initialization"], k=3)
    ]
    adam = (("use-adam", {"lr": 1e-3}),)
    lower = [(("lower-learning-rate", {"factor": 0.1**n}),) for n in (1, 2, 3)]
    higher = [(("raise-learning-rate", {"factor": 10.0**n}),) for n in (1, 2, 3)]
    clip = (("clip-gradients", {"max_norm": draw.uniform(9, 10)}),)
    momentum = [
        (("use-momentum", {"momentum": draw.uniform(0.01, 0.9), "lr": rate}),) for _ in range(3)
    ]
    other = [
        adam,
        (("use-rmsprop", {"lr": 1e-3}),),
        (("use-momentum", {"momentum": 0.0, "lr": 0.01}),),
    ]
    draw.shuffle(other)
    lists: Mapping[str, Sequence[Candidate]] = {
        "vanishing": [leaky, relu, norm],
        "exploding": [leaky, relu, clip, norm],
        "dying": [leaky, norm, *initial, (("use-leaky-relu", {"negative_slope": 0.1}),)],
        "oscillating": [adam, *lower, *momentum, *initial],
        "slow": [*other, *higher, *initial],
        "data": [(("scale-inputs", {}),)],
    }
    yield from lists[problem]


STRATEGIES: Mapping[str, Strategy] = {
    "random search": random_search,
    "AutoTrainer's order": autotrainer,
}


def patch(name: str, source: str, steps: float, seed: int = 0) -> str:
    """Return a script as a strategy patches it; unchanged where it finds nothing.

    Args:
        name: Of `STRATEGIES`.
        source: The script.
        steps: How many steps may be trained in all.
        seed: Of the strategy's own draws.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.py"
        path.write_text(source)
        target = Target(str(path))
        running = executor(target, Options(workers=1))
        laboratory = Laboratory(running, target, time.monotonic() + SECONDS)
        try:
            control = laboratory.trial((), 0)
            for _ in laboratory.advance([control]):
                pass
            recording = control.recording()
            runs = [run for run in recording.runs if run.steps] if recording else []
            if not runs:
                return source
            run = max(runs, key=lambda one: one.steps)
            shop = Workshop(laboratory, control, run, steps - control.total)
            cured = STRATEGIES[name](shop, random.Random(seed))
            return next(iter(cured.texts.values()), source)
        finally:
            laboratory.close()
