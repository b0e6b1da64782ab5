"""Which remedies to try: candidates from the findings, smallest first, never drawn at random."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

from unstuck import registry
from unstuck.evidence import descent, middle, validation
from unstuck.findings import Applicability, Finding, Severity
from unstuck.remedies import Settings
from unstuck.signals import Run, Series
from unstuck.trials import Candidate

__all__ = [
    "arrived",
    "caused",
    "first_candidates",
    "followed",
    "horizon",
    "keeping",
    "keeps_best",
    "label",
    "moments",
    "ordered",
    "pacing",
    "pauses",
    "refinements",
    "rungs",
    "settled",
    "structural",
    "undoing",
    "worth_fixing",
]

GROUPS: Sequence[frozenset[str]] = (
    frozenset(
        {"drop-softmax", "fix-output-activation", "zero-gradients", "clear-gradients"}
        | {"fix-shapes", "restore-train-mode", "register-layers"}
    ),
    frozenset({"scale-inputs"}),
    frozenset({"scale-targets"}),
    frozenset({"use-relu", "use-leaky-relu"}),
    frozenset({"use-he-initialization", "use-xavier-initialization"}),
    frozenset({"add-batch-norm"}),
    frozenset(
        {"use-adam", "use-rmsprop", "use-momentum"}  # each brings a rate of its own, and factors
        | {"lower-learning-rate", "raise-learning-rate"}  # are derived for the script's optimizer
    ),
    frozenset({"warm-up", "fix-schedule"}),
    frozenset({"clip-gradients"}),
    frozenset({"add-dropout"}),
    frozenset({"add-weight-decay"}),
    frozenset({"add-l1"}),
    frozenset({"stop-early"}),
)
"""Remedies of one group stand in for each other: a candidate holds at most one of each."""

WIRING = GROUPS[0]
"""Remedies that undo a mistake: nothing else is worth trying before."""

SINGLES = 4
"""So many single remedies are tried at first, and as many bundles."""

WHOLE_RUN = frozenset({"overfitting", "batch-norm-mismatch", "premature-decay", "class-imbalance"})
"""Obstacles that show late: their candidates have to run to the end."""

PACING = frozenset({"use-mini-batches", "resize-batch"})
"""Remedies that change how many steps a pass over the data makes: compared after equal shares."""

KEEPING = "stop-early"
"""The remedy that goes back to the best pass: what it is worth is known from the control, and it
joins any other."""

STRUCTURAL = ("U3", "U6", "U7", "U8")
"""Codes of initialization, data, non-finite values and wiring: facts, not courses."""

BEYOND, RISEN = 1.5, 0.2
"""Overfitting shows clearly after so many times the steps to the lowest validation loss, where so
much of the later rise is made."""

ARRIVED = 0.9
"""Share of the way to zero loss, or of right predictions, after which little is left to gain."""

SURE = 0.7
"""Confidence of a diagnosis that is acted on before the run has ended."""

PASSING = frozenset({"frozen-parameters", "premature-decay", "wrong-mode", "unshuffled-data"})
"""Of those, the ones that a script may do for a while and on purpose."""

OUTGROWN = frozenset({"missing-nonlinearity"})
"""Of the wiring, what is found only where little was learned: by and by it may be enough."""

FORGETTING = frozenset({"unshuffled-data"})
"""Obstacles under which a training learns what comes and forgets what came before."""

RATES = frozenset({"learning-rate-too-high"})
"""Obstacles that lie in every step from the first: what masks them (normalization, clipping) leads
over a few steps and stays behind in the end. Measured on the zoo: lower-learning-rate ends at 0.95
to 0.99 of right predictions, clip-gradients and add-batch-norm at 0.54 to 0.94, though they led
after a tenth of the run (digits_classifier_a9, digits_cnn_a19)."""


def _group(name: str) -> int:
    return next((i for i, group in enumerate(GROUPS) if name in group), len(GROUPS))


def _is_mistake(name: str) -> bool:
    """Return whether a remedy undoes a mistake: it is tried alone, and nothing else before it."""
    if name == KEEPING:
        return False
    kind = registry.remedies().get(name)
    return name in WIRING or (kind is not None and kind.stage == "source")


def _options(run: Run, finding: Finding, known: Sequence[str]) -> dict[str, Sequence[Settings]]:
    """Return the remedies that apply to a finding with their settings, likeliest first."""
    found: dict[str, Sequence[Settings]] = {}
    for name in known:
        kind = registry.remedies().get(name)
        if kind is None or kind.applicability is Applicability.DISPLAY:
            continue
        settings = kind().settings(run, finding)
        if settings:
            found[name] = settings
    return found


def _tuning(run: Run, finding: Finding) -> dict[str, Sequence[Settings]]:
    """Return the remedies of a finding that may be combined: those that undo no mistake."""
    options = _options(run, finding, [hint.name for hint in finding.remedies])
    return {
        name: settings
        for name, settings in options.items()
        if name != KEEPING and not _is_mistake(name)
    }


def keeping(run: Run, finding: Finding) -> Candidate | None:
    """Return the candidate that goes back to the best pass, None where that is not certain."""
    known = [hint.name for hint in finding.remedies if hint.name == KEEPING]
    settings = _options(run, finding, known).get(KEEPING, ())
    return _frozen(((KEEPING, settings[0]),)) if settings else None


def ordered(names: Iterable[tuple[str, Settings]]) -> Candidate:
    """Return a candidate in the order in which its remedies are applied."""
    return tuple(sorted(names, key=lambda item: _group(item[0])))


def undoing(run: Run, finding: Finding, others: Sequence[Finding] = ()) -> list[Candidate]:
    """Return remedies that undo what is wrong, each alone, likeliest first; at most four.

    Args:
        run: The control.
        finding: Its first diagnosis.
        others: What else was found; several facts at once may hide that undoing one helps, so the
            last candidate undoes all of them that can be undone live.

    Mistakes of the wiring and whatever rewrites the script are undone before anything else is
    tried. So is any other cause that is sure (`caused`), by the likeliest remedy: what trains still
    faster in the first steps is tuning.
    """
    options = _options(run, finding, [hint.name for hint in finding.remedies])
    names = [name for name in options if _is_mistake(name)]
    if not names and caused(finding):
        names = list(options)[:1]
    settings = [(name, choice) for name in names for choice in options[name][:2]]
    firsts = [(name, options[name][0]) for name in names]
    pairs = [*firsts, *(pair for pair in settings if pair not in firsts and _is_mistake(pair[0]))]
    found = [_frozen(((name, choice),)) for name, choice in pairs[:4]]
    serious = [f for f in (finding, *others) if f.severity is not Severity.INFO]
    mistakes: dict[str, Settings] = {}
    for one in dict.fromkeys(f.obstacle for f in serious):
        hints = [h.name for f in serious if f.obstacle == one for h in f.remedies]
        fact = any(structural(f) for f in serious if f.obstacle == one)
        for index, (name, choices) in enumerate(_options(run, finding, hints).items()):
            likeliest = fact and not index  # of a fact that is no mistake: the scale of inputs, say
            if (likeliest or _is_mistake(name)) and registry.remedy(name).stage != "source":
                mistakes.setdefault(name, choices[0])
    if len(mistakes) > 1:
        found.append(_frozen(ordered(mistakes.items())))
    return found


def first_candidates(run: Run, finding: Finding) -> list[Candidate]:
    """Return what to race for a diagnosis: single live remedies, then bundles of them.

    A bundle joins the likeliest remedies of different groups (an activation, an initialization, an
    optimizer), two of them, then three.
    """
    options = _tuning(run, finding)
    singles: list[Candidate] = [
        ((name, settings[0]),) for name, settings in islice(options.items(), SINGLES)
    ]
    likeliest: dict[int, tuple[str, Settings]] = {}
    for name, settings in options.items():
        likeliest.setdefault(_group(name), (name, settings[0]))
    chosen = list(likeliest.values())
    bundles: list[Candidate] = []
    if len(chosen) >= 2:
        bundles.append(ordered(chosen[:2]))
    if len(chosen) >= 3:
        bundles.append(ordered(chosen[:3]))
        bundles.append(ordered([chosen[0], chosen[2]]))
    return list(dict.fromkeys(_frozen(c) for c in singles + bundles))


def _frozen(candidate: Candidate) -> Candidate:
    return tuple((name, _Settings(values)) for name, values in candidate)


class _Settings(dict[str, float]):
    """Settings that can be compared and hashed by value."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(sorted(self.items())))


def refinements(run: Run, finding: Finding, best: Candidate, tried: set[str]) -> list[Candidate]:
    """Return what to try after the best candidate so far: other settings, one remedy more or less.

    Args:
        run: The control.
        finding: Its first diagnosis.
        best: The best candidate so far.
        tried: Labels of all candidates tried.
    """
    options = _tuning(run, finding)
    more: list[Candidate] = []
    for index, (name, _) in enumerate(best):
        others = options.get(name, ())[1:3]
        more += [ordered([*best[:index], (name, s), *best[index + 1 :]]) for s in others]
    groups = {_group(name) for name, _ in best}
    for name, choices in options.items():
        if _group(name) not in groups and len(best) < 3:
            more.append(ordered([*best, (name, choices[0])]))
    if len(best) >= 3:
        more += [ordered([*best[:i], *best[i + 1 :]]) for i in range(len(best))]
    unique = dict.fromkeys(_frozen(candidate) for candidate in more)
    return [candidate for candidate in unique if label(candidate) not in tried]


def label(candidate: Candidate) -> str:
    """Return a candidate as one line: ``use-relu + use-adam=0.001``; the control is ``control``."""
    return (
        " + ".join(registry.remedy(name).label(values) for name, values in candidate) or "control"
    )


def horizon(run: Run, finding: Finding) -> int:
    """Return how many steps of a run that has ended are compared.

    A third of the run, at least sixty-four steps; as far as overfitting shows clearly; all of it
    for other obstacles that show late.
    """
    if finding.obstacle == "overfitting":
        return min(run.steps, max(64, _clear(run)))
    if finding.obstacle in WHOLE_RUN:
        return run.steps
    return min(run.steps, max(64, run.steps // 3))


def _clear(run: Run) -> int:
    """Return after how many steps overfitting shows clearly.

    Half as many again as to the lowest validation loss, and so many that a fifth of the later rise
    is made (and a step more: a pass is known when the next step begins); half of the run where
    only accuracies are known.
    """
    passes = validation(run)
    losses = passes[0] if passes is not None else Series()
    if len(losses) < 4:
        return run.steps // 2
    lowest = min(losses.values)
    turn = losses.steps[losses.values.index(lowest)]
    end = middle(losses.values[-3:])
    high = [s for s, v in losses.since(turn).pairs() if v >= lowest + (end - lowest) * RISEN]
    return max(round((turn + 1) * BEYOND), high[0] + 2 if high else run.steps)


def rungs(steps: int, finding: Finding | None = None) -> tuple[int, ...]:
    """Return after how many steps candidates are compared, the last time after all `steps`.

    Where overfitting is to be cured, not after a quarter: who learns fastest leads there.
    """
    if finding is not None and finding.obstacle == "overfitting":
        return (steps // 2, steps) if steps >= 16 else (steps,)
    found = (steps // 4, steps // 2, steps) if steps >= 64 else (steps // 2, steps)
    return tuple(rung for rung in found if rung >= 8) or (steps,)


def moments() -> tuple[int, ...]:
    """Return after how many steps a run of unknown length is looked at: 8, 12, 16, 24, 32, ..."""
    return tuple(base * 2**power for power in range(28) for base in (8, 12))


def pauses() -> tuple[int, ...]:
    """Return after how many steps such a run can be stopped: the `moments`, and some between."""
    return tuple(base * 2**power for power in range(28) for base in range(8, 16))


def structural(finding: Finding) -> bool:
    """Return whether a finding states a fact of the script, not the course that a run takes."""
    return finding.code.startswith(STRUCTURAL) and finding.obstacle not in PASSING


def followed(finding: Finding) -> float:
    """Return for which share of a run a control is followed to see whether its finding lasts.

    Not at all where nothing that comes later can undo it: a mistake of the wiring, a value that is
    not finite. For a quarter where a script may do it for a while on purpose, else for an eighth.
    Measured on the 78 healthy development cases of the zoo: two are settled early, one with layers
    that it thaws after a seventh of the run, one with inputs whose scale is overcome after a tenth.
    """
    if finding.obstacle in PASSING:
        return 0.25
    lasting = finding.code.startswith(("U7", "U8")) and finding.obstacle not in OUTGROWN
    return 0.0 if lasting else 0.125


def caused(finding: Finding) -> bool:
    """Return whether a finding names the cause itself: a fact of the script, or its rate."""
    return structural(finding) or finding.obstacle in RATES


def arrived(run: Run) -> bool:
    """Return whether a run ends where little is left to gain, as far as can be said.

    Most of the way to a loss of zero, or nearly every prediction right. What was fastest over a
    short beginning need not lead so far (Wu et al., ICLR 2018), so two finalists that do not are
    compared at their ends.
    """
    went = descent(run)
    return not (went.achieved < ARRIVED and not went.accuracy >= ARRIVED)


def pacing(candidate: Candidate) -> bool:
    """Return whether a candidate changes how many steps a pass makes."""
    return any(name in PACING for name, _ in candidate)


def keeps_best(candidate: Candidate) -> bool:
    """Return whether a candidate goes back to its best pass: only its end can be compared."""
    return any(name == KEEPING for name, _ in candidate)


def settled(seen: Sequence[tuple[int, Finding | None]]) -> bool:
    """Return whether a first diagnosis is worth acting on before the run has ended.

    Args:
        seen: Steps and first diagnosis at the `moments` so far; None where there was none.

    An error about a fact of the script has to be the same at two moments in a row. What concerns
    the course of a training, which may change by itself (a warm-up, layers that are frozen at
    first), and what is a warning only, has to hold while the steps grow fourfold. Never for
    obstacles that show late. Measured on the development cases of the zoo (185 records of seed 0):
    86 of 106 sick runs are settled before their end, half of them within 6 % of it, three under
    another name than at the end; so are 2 of 79 healthy runs (see `followed`).
    """
    steps, last = seen[-1] if seen else (0, None)
    if last is None or len(seen) < 2:
        return False
    if last.confidence < SURE or last.obstacle in WHOLE_RUN or steps < 24:
        return False
    fact = structural(last) and last.severity is Severity.ERROR
    since = seen[-2][0] if fact else steps / 4
    recent = [finding for step, finding in seen if step >= since]
    return seen[0][0] <= since and all(f and f.obstacle == last.obstacle for f in recent)


def worth_fixing(findings: Sequence[Finding]) -> Finding | None:
    """Return the first diagnosis, None if the run has none."""
    return next(
        (f for f in findings if f.first and f.severity is not Severity.INFO),
        None,
    )
