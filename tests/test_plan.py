"""What is tried: mistakes first, singles before bundles, nothing twice, within limits."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest

from unstuck import plan, registry
from unstuck.bench import SECONDS, parse_budget
from unstuck.diagnosis import diagnose_run
from unstuck.findings import Finding, Severity
from unstuck.repair import _Fix
from unstuck.signals import Run
from unstuck.sketch import sketch
from unstuck.trials import Candidate

KINDS = list(registry.obstacles().values())
ALL = [kind() for kind in KINDS]
NAMES = [kind.name() for kind in KINDS]


def first(name: str) -> tuple[Run, Finding]:
    """Return an obstacle's sick run and its first diagnosis."""
    run = registry.obstacle(name).SICK
    finding = plan.worth_fixing(diagnose_run(run, ALL))
    assert finding is not None
    return run, finding


def names(candidate: Candidate) -> list[str]:
    return [name for name, _ in candidate]


@pytest.mark.parametrize("name", NAMES)
def test_every_obstacle_has_sound_candidates(name: str) -> None:
    run, finding = first(name)
    candidates = [*plan.undoing(run, finding), *plan.first_candidates(run, finding)]
    live = [
        h.name
        for h in finding.remedies
        if (kind := registry.remedies().get(h.name))
        and kind.stage != "source"
        and kind.applicability.value != "display"
        and kind().settings(run, finding)
    ]
    assert bool(candidates) >= bool(live)
    for kind in (plan.undoing, plan.first_candidates):
        labels = [plan.label(candidate) for candidate in kind(run, finding)]
        assert len(set(labels)) == len(labels)
    assert all(len(candidate) == 1 for candidate in candidates[:1])
    offered = {hint.name for hint in finding.remedies}
    for candidate in candidates:
        assert set(names(candidate)) <= offered
        groups = [plan._group(n) for n in names(candidate)]
        assert groups == sorted(set(groups)), "one remedy of a group, in the order of application"
        for remedy, values in candidate:
            assert all(isinstance(v, (int, float)) for v in values.values())
            assert remedy in registry.remedies()


def test_a_mistake_is_undone_before_anything_else_is_tried() -> None:
    for name, cure in (
        ("softmax-before-cross-entropy", "drop-softmax"),
        ("missing-zero-grad", "zero-gradients"),
    ):
        run, finding = first(name)
        assert [names(c) for c in plan.undoing(run, finding)] == [[cure]]
        assert plan.first_candidates(run, finding) == []


def test_a_rate_is_corrected_before_it_is_masked() -> None:
    run, finding = first("learning-rate-too-high")
    assert [names(c) for c in plan.undoing(run, finding)] == [["lower-learning-rate"]]
    assert ["clip-gradients"] in [names(c) for c in plan.first_candidates(run, finding)]


@pytest.mark.parametrize("name", ["learning-rate-too-high", "slow-convergence", "underfitting"])
def test_factors_of_the_rate_are_for_the_optimizer_that_they_were_derived_for(name: str) -> None:
    run, finding = first(name)
    candidates = plan.first_candidates(run, finding)
    more = [c for best in candidates for c in plan.refinements(run, finding, best, set())]
    optimizers = {"use-adam", "use-rmsprop", "use-momentum"}
    factors = {"lower-learning-rate", "raise-learning-rate"}
    assert candidates
    for candidate in (*candidates, *more):
        together = set(names(candidate))
        assert not (together & optimizers and together & factors)


def test_vanishing_gradient_tries_singles_then_bundles() -> None:
    run, finding = first("vanishing-gradient")
    candidates = plan.first_candidates(run, finding)
    assert names(candidates[0]) == ["use-relu"]
    assert sorted(names(candidates[-2])) == [
        "use-adam",
        "use-he-initialization",
        "use-relu",
    ]
    assert max(map(len, candidates)) == 3


def test_first_candidates_are_the_same_every_time() -> None:
    run, finding = first("vanishing-gradient")
    assert plan.first_candidates(run, finding) == plan.first_candidates(run, finding)


def test_finding_without_remedies_has_no_candidates() -> None:
    finding = Finding("x", "X001", Severity.ERROR, "no")
    assert plan.first_candidates(Run(), finding) == []


@pytest.mark.parametrize("name", NAMES)
def test_refinements_are_new(name: str) -> None:
    run, finding = first(name)
    candidates = plan.first_candidates(run, finding)
    for best in candidates:
        tried = {plan.label(candidate) for candidate in candidates}
        more = plan.refinements(run, finding, best, tried)
        labels = [plan.label(candidate) for candidate in more]
        assert len(set(labels)) == len(labels)
        assert not tried.intersection(labels)
        assert all(1 <= len(candidate) <= 3 for candidate in more)
        for candidate in more:
            assert len(set(names(candidate)) ^ set(names(best))) <= 1, "one change at a time"


def test_refinements_take_one_away_from_three() -> None:
    run, finding = first("vanishing-gradient")
    three = next(c for c in plan.first_candidates(run, finding) if len(c) == 3)
    smaller = [c for c in plan.refinements(run, finding, three, set()) if len(c) == 2]
    assert len(smaller) == 3


def test_overfitting_is_compared_where_it_shows() -> None:
    _, finding = first("overfitting")

    def after(turn: int, steps: int) -> int:
        rising = sketch(
            steps=steps, loss=lambda s: 1 / (s + 1), validation=lambda s: 1 + abs(s - turn) / steps
        )
        return plan.horizon(rising, finding)

    assert 250 <= after(100, 1000) <= 350, "a fifth of the rise"
    assert 860 <= after(600, 1000) <= 950, "half as many again as to the turn"
    assert after(900, 1000) == 1000
    assert plan.horizon(Run(steps=1000), finding) == 500
    assert plan.rungs(400, finding) == (200, 400)


def test_horizon() -> None:
    _, late = first("batch-norm-mismatch")
    _, soon = first("vanishing-gradient")
    for steps, expected in ((10, 10), (60, 60), (100, 64), (600, 200), (9000, 3000)):
        assert plan.horizon(Run(steps=steps), soon) == expected
        assert plan.horizon(Run(steps=steps), late) == steps


def test_labels() -> None:
    assert plan.label(()) == "control"
    both: Candidate = (("use-relu", {}), ("use-adam", {"lr": 0.001}))
    assert plan.label(both) == "use-relu + use-adam=0.001"


def test_remarks_are_not_worth_fixing() -> None:
    remark = Finding("x", "X001", Severity.INFO, "hm", first=True)
    assert plan.worth_fixing([remark]) is None
    assert plan.worth_fixing([]) is None
    error = remark.with_(severity=Severity.ERROR)
    assert plan.worth_fixing([remark.with_(first=False), error]) is error


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10m", (600, None)),
        ("90s", (90, None)),
        ("1h", (3600, None)),
        ("1.5 H", (5400, None)),
        (" 2 ", (120, None)),
        ("3x", (6 * SECONDS, 3)),
        ("0.5x", (6 * SECONDS, 0.5)),
    ],
)
def test_budget(text: str, expected: tuple[float, float | None]) -> None:
    assert parse_budget(text) == expected


@pytest.mark.parametrize("text", ["", "soon", "0", "0m", "-3m", "x", "10 years", "1e3s", "nan"])
def test_budget_that_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="a budget is a time or a multiple"):
        parse_budget(text)


@pytest.mark.parametrize(("end", "arrived"), [(0.01, True), (1.0, False)])
def test_a_run_arrives_near_zero_loss(end: float, arrived: bool) -> None:
    run = sketch(loss=lambda step: end + (2.3 - end) * math.exp(-step / 20))
    assert plan.arrived(run) is arrived


def test_a_diagnosis_is_settled_when_it_holds() -> None:
    _, fact = first("softmax-before-cross-entropy")
    _, course = first("vanishing-gradient")
    _, late = first("overfitting")
    assert plan.settled([(16, None), (24, fact), (32, fact)])
    assert not plan.settled([(16, fact), (24, None), (32, fact)])
    assert not plan.settled([(8, fact), (12, fact)])
    moments = [8, 12, 16, 24, 32]
    assert not plan.settled([(n, course) for n in moments[:-1]])
    assert plan.settled([(n, course) for n in moments])
    assert not plan.settled([(n, late) for n in moments])
    warned = fact.with_(severity=Severity.WARNING)
    assert not plan.settled([(16, warned), (24, warned), (32, warned)])
    assert plan.settled([(n, warned) for n in moments])
    assert not plan.settled([(n, warned.with_(confidence=0.6)) for n in moments])
    assert not plan.settled([])


@pytest.mark.parametrize(
    ("steps", "rungs"), [(24, (12, 24)), (64, (16, 32, 64)), (256, (64, 128, 256)), (10, (10,))]
)
def test_rungs_halve(steps: int, rungs: tuple[int, ...]) -> None:
    assert plan.rungs(steps) == rungs


@pytest.mark.parametrize(
    ("obstacle", "share"),
    [
        ("softmax-before-cross-entropy", 0.0),
        ("non-finite-values", 0.0),
        ("unscaled-inputs", 0.125),
        ("missing-nonlinearity", 0.125),
        ("vanishing-gradient", 0.125),
        ("frozen-parameters", 0.25),
        ("unshuffled-data", 0.25),
    ],
)
def test_the_untreated_run_is_followed_where_its_finding_may_pass(
    obstacle: str, share: float
) -> None:
    code = registry.obstacle(obstacle).code
    assert plan.followed(Finding(obstacle, code, Severity.ERROR, "")) == share


@pytest.mark.parametrize(
    ("fixed", "improved", "kept"),
    [(0.2, [0.04], "improved"), (0.2, [0.5, 0.04], "improved"), (0.2, [0.195], "fixed"),
     (0.2, [], "fixed"), (-2.0, [-2.05], "fixed"), (-2.0, [-3.0], "improved")],
)  # fmt: skip
def test_what_ends_clearly_better_is_kept(fixed: float, improved: list[float], kept: str) -> None:
    """Whatever leaves nothing to cure comes first, unless another cure's run ends far below it."""
    ends = {f"fixed{fixed}": fixed} | {f"improved{end}": end for end in improved}
    held: Any = SimpleNamespace(
        improved=[(f"improved{end}", None) for end in improved], _end=ends.__getitem__
    )
    one: Any = (f"fixed{fixed}", None)
    chosen: Any = _Fix._farthest(held, one)[0]
    assert chosen.startswith(kept)
    assert ends[chosen] == (min(improved) if kept == "improved" else fixed)
