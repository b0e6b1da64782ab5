"""The statistics: exact p-values, and that chance is not taken for a cure."""

from __future__ import annotations

import math
import random
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts import strict
from unstuck.verdict import Comparison, Objective, Verdict, compare, permutation_p_value

LOSS = Objective("validation loss")
ACCURACY = Objective("accuracy", "max")
VALUES = st.sampled_from([0.0, 0.5, 0.50001, 1.0, 2.0, 1e30, -3.0, math.inf])


def brute_force(control: list[float], treated: list[float]) -> float:
    """Relabel in all (n + m)! orders; compare the rank sum of the last m."""
    values = [*control, *treated]
    places = sorted(values)
    ranks = [
        sum(i for i, v in enumerate(places) if v == value) / places.count(value) for value in values
    ]
    observed = sum(ranks[len(control) :])
    sums = [sum(order[len(control) :]) for order in permutations(ranks)]
    return sum(s <= observed + 1e-9 for s in sums) / len(sums)


@given(st.lists(VALUES, min_size=1, max_size=3), st.lists(VALUES, min_size=1, max_size=3))
@settings(max_examples=150, deadline=None)
def test_p_value_is_exact(control: list[float], treated: list[float]) -> None:
    assert permutation_p_value(control, treated) == pytest.approx(brute_force(control, treated))


@pytest.mark.parametrize(("seeds", "ways"), [(2, 6), (3, 20), (4, 70), (5, 252)])
def test_all_better_is_one_way_of_all(seeds: int, ways: int) -> None:
    control = [2.0 + s / 10 for s in range(seeds)]
    treated = [0.2 + s / 10 for s in range(seeds)]
    found = compare(LOSS, control, treated)
    assert found.p_value == pytest.approx(1 / ways)
    assert found.proven == (seeds >= 3)
    assert found.effect == pytest.approx(1.8)
    assert not compare(LOSS, treated, control).proven
    assert compare(ACCURACY, treated, control).proven == (seeds >= 3)


def test_twenty_seeds_are_counted_at_once() -> None:
    """There are 1.4e11 ways to choose 20 of 40."""
    found = compare(LOSS, [float(s) for s in range(20)], [s - 0.5 for s in range(20)])
    assert 0.3 < found.p_value < 0.5
    assert compare(LOSS, [2.0] * 20, [1.0] * 20).p_value == pytest.approx(1 / math.comb(40, 20))


def test_three_of_three_is_five_percent() -> None:
    assert compare(LOSS, [2.3, 2.3, 2.3], [0.19, 0.22, 0.2]).p_value == pytest.approx(0.05)


def test_one_seed_that_is_worse_proves_nothing() -> None:
    found = compare(LOSS, [2.3, 2.3, 2.3], [0.2, 0.2, 2.4])
    assert list(found.interval) == pytest.approx([-0.1, 2.1])
    assert not found.proven


def test_the_same_is_no_effect() -> None:
    assert compare(LOSS, [1.0, 1.0, 1.0], [1.0, 1.0, 1.0]) == Comparison(0.0, (0.0, 0.0), 1.0)


def test_control_that_diverges_and_treated_that_does_not() -> None:
    for lost in (math.nan, math.inf):
        found = compare(LOSS, [lost] * 3, [0.2, 0.3, 0.2])
        assert found.proven
        assert found.effect == math.inf
        assert not compare(LOSS, [0.2, 0.3, 0.2], [lost] * 3).proven


def test_nan_on_both_sides_is_no_difference() -> None:
    found = compare(LOSS, [math.nan] * 3, [math.nan] * 3)
    assert (found.effect, found.p_value, found.proven) == (0.0, 1.0, False)
    assert not compare(ACCURACY, [0.1] * 3, [math.nan] * 3).proven


def test_nothing_to_compare_proves_nothing() -> None:
    assert not compare(LOSS, [], []).proven


@given(
    st.lists(st.tuples(VALUES | st.just(math.nan), VALUES | st.just(math.nan)), max_size=6),
    st.sampled_from([LOSS, ACCURACY]),
)
@settings(max_examples=150, deadline=None)
def test_comparison_is_sound(pairs: list[tuple[float, float]], objective: Objective) -> None:
    control, treated = [c for c, _ in pairs], [t for _, t in pairs]
    found = compare(objective, control, treated)
    assert 0 < found.p_value <= 1
    assert not math.isnan(found.effect)
    assert found.interval[0] <= found.effect <= found.interval[1]
    back = compare(objective, treated, control)
    assert not (found.proven and back.proven)
    verdict = Verdict("improved", ("use-adam=0.01",), objective, comparison=found)
    import json

    assert strict(json.dumps(verdict.to_json(), allow_nan=False))["remedies"] == ["use-adam"]


@pytest.mark.parametrize("seeds", [3, 4, 5])
def test_chance_is_proven_in_at_most_one_of_twenty(seeds: int) -> None:
    """A against A: the same training twice, with noise of any shape."""
    dice = random.Random(seeds)
    rounds = 4000
    shapes = (dice.random, lambda: dice.gauss(2, 1), lambda: dice.paretovariate(0.5))
    for draw in shapes:
        proven = sum(
            compare(LOSS, [draw() for _ in range(seeds)], [draw() for _ in range(seeds)]).proven
            for _ in range(rounds)
        )
        # Three standard deviations above one in twenty.
        assert proven / rounds <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / rounds)


def test_chance_is_not_proven_either_where_seeds_pair_up() -> None:
    """Control and treated share much of a seed's noise: the test errs on the careful side."""
    dice = random.Random(1)
    proven = 0
    for _ in range(4000):
        shared = [dice.gauss(2, 1) for _ in range(3)]
        control = [s + dice.gauss(0, 0.1) for s in shared]
        treated = [s + dice.gauss(0, 0.1) for s in shared]
        proven += compare(LOSS, control, treated).proven
    assert proven / 4000 <= 0.05


def test_verdict_says_what_it_cost() -> None:
    verdict = Verdict("nothing-to-fix", steps=330, control_steps=110, seconds=3.14159)
    assert verdict.to_json()["cost"] == {"steps": 330, "steps_ratio": 3.0, "seconds": 3.14}
    assert Verdict("nothing-to-fix").to_json()["cost"]["steps_ratio"] is None
