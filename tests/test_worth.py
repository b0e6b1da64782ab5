"""What trials are compared by, and what a run is worth after so many steps."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from unstuck import worth
from unstuck.sketch import learning, sketch

PLAIN = sketch()
VALIDATED = sketch(validation=learning)
PENALIZED = sketch(run={"batch_loss": 0.25})
GUESSING = sketch(run={"batch_accuracy": lambda s: min(1.0, s / 100)})
RARE = sketch(run={"balanced_accuracy": lambda s: 0.5 + s / 1000})


@pytest.mark.parametrize(
    ("run", "obstacle", "name"),
    [
        (PLAIN, "vanishing-gradient", "training loss"),
        (VALIDATED, "vanishing-gradient", "validation loss"),
        (PENALIZED, "excessive-regularization", "loss without penalties"),
        (PENALIZED, "vanishing-gradient", "training loss"),
        (GUESSING, "softmax-before-cross-entropy", "training accuracy"),
        (RARE, "class-imbalance", "balanced accuracy of training batches"),
    ],
)
def test_the_objective_fits_the_obstacle(run: worth.Run, obstacle: str, name: str) -> None:
    found = worth.objective(run, obstacle, run.steps)
    assert found.name == name
    assert found.goal == ("max" if "accuracy" in name else "min")
    assert math.isfinite(worth.value(run, name, run.steps))


def test_an_accuracy_is_the_objective_only_of_whole_runs() -> None:
    paused = replace(GUESSING, complete=False)
    found = worth.objective(paused, "softmax-before-cross-entropy", paused.steps)
    assert found.name == "training loss"
    found = worth.objective(GUESSING, "softmax-before-cross-entropy", 30)
    assert (found.name, found.goal) == ("training accuracy", "max")


def test_values_are_of_the_steps_asked_for() -> None:
    early, late = (worth.value(PLAIN, "training loss", steps) for steps in (10, PLAIN.steps))
    assert late < early
    early, late = (worth.value(RARE, worth.BALANCED, steps) for steps in (20, RARE.steps))
    assert 0.5 < early < late == pytest.approx(0.5 + RARE.steps / 1000, abs=0.02)
    assert math.isnan(worth.value(PLAIN, "validation loss", 10))
    broken = sketch(loss=lambda s: math.inf if s > 50 else 1.0)
    assert worth.value(broken, "training loss", broken.steps) == math.inf


@pytest.mark.parametrize(
    ("output", "value"),
    [("acc 0.5\nacc 0.75\n", 0.75), ("acc 81%\n", 81.0), ("nothing\n", None), ("acc nan\n", None)],
)
def test_a_metric_is_the_last_match(output: str, value: float | None) -> None:
    found = worth.metric(r"acc ([0-9.]+%?|nan)", output)
    assert math.isnan(found) if value is None else found == value


@pytest.mark.parametrize(
    ("output", "value", "goal"),
    [
        ("epoch 4: train 0.9  1c 0.17\nmean test accuracy 0.301\n", 0.301, "max"),
        ("epoch 1: loss 0.9, val_loss: 1.5\nepoch 2: loss 0.1, val_loss: 1.25\n", 1.25, "min"),
        ("Test R2 = 0.91\ntook time 3.5 s\n", 0.91, "max"),
        ("Accuracy: 81%\nfinal train accuracy: 99%\n", 81.0, "max"),
        ("rmse 1.5e-2\n", 0.015, "min"),
        ("training loss 0.5\nepoch 3 done\n", None, ""),
    ],
)
def test_the_score_that_a_script_prints(output: str, value: float | None, goal: str) -> None:
    found = worth.printed(output)
    if value is None:
        assert found is None
    else:
        assert found is not None
        assert (worth.metric(found[0], output), found[1]) == (value, goal)
