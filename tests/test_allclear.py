"""A healthy run says what was checked, and why what looks alarming is normal."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from scripts import MLP, unstuck, write
from unstuck.allclear import LOOKALIKES, checked, normal
from unstuck.signals import Activation, Layer, Loss, Run, Series
from unstuck.sketch import learning, sketch


def _with(run: Run, **changes: object) -> Run:
    return replace(run, **changes)  # type: ignore[arg-type]


CASES: dict[str, Run] = {
    "dropout (0.5) acts in training only": sketch(
        loss=lambda step: learning(step) + 0.5, validation=learning, facts={"dropout": [0.5]}
    ),
    "while accuracy holds": sketch(
        validation=lambda step: 0.2 + 1e-3 * step, validation_accuracy=lambda step: 0.95
    ),
    "a warm-up": sketch(run={"learning_rate": lambda step: min(step + 1, 30) / 3e4}),
    "the schedule is as long as the run": sketch(
        run={"learning_rate": lambda step: max(0.1 - step / 2200, 1e-4)}
    ),
    "skipped by the gradient scaler": sketch(facts={"scaled_losses": 243}),
    "single batches near the optimum": sketch(
        loss=lambda step: 2.0 if step < 5 else 0.2 if step % 50 == 0 else 1e-3
    ),
    "batches of 4": sketch(
        loss=lambda step: 0.5 + 0.4 * math.sin(step * step) + 3 * math.exp(-step / 20),
        run={"batch_size": 4.0},
    ),
    "usual up to about half": _with(
        sketch(),
        activations=(Activation("relu", "relu"),),
        series={
            **sketch().series,
            ("relu", "dead_share"): Series((0, 1), (0.3, 0.3)),
        },
    ),
    "fine-tuning": _with(
        sketch(), layers=(Layer("body", "Linear", (8, 8), trainable=False), *sketch().layers)
    ),
    "the loss is negative": sketch(loss=lambda step: 1 - 0.02 * step),
    "log_softmax before the cross-entropy": _with(
        sketch(), loss_function=Loss(chain=("nll_loss", "log_softmax", "log_softmax", "addmm"))
    ),
}


@pytest.mark.parametrize("sentence", CASES)
def test_what_looks_alarming_is_explained(sentence: str) -> None:
    assert [said for said in normal(CASES[sentence]) if sentence in said]


def test_zero_start_of_a_single_layer() -> None:
    run = sketch(depth=0, layers={"weight_rms": lambda step: 0.01 * step})
    single = _with(run, layers=run.weights[-1:])
    assert any("no symmetry to break" in said for said in normal(single))


def test_a_validation_loss_that_is_best_at_the_end_does_not_rise() -> None:
    """Not even where the last passes lie apart."""
    falling = sketch(
        steps=240,
        validation=lambda step: 1 - step / 260,
        validation_accuracy=lambda step: 0.95,
    )
    assert not [said for said in normal(falling) if "rises" in said]


def test_plain_run_needs_no_explanation() -> None:
    assert normal(sketch()) == []
    names = [name for name, _ in checked(sketch())]
    assert names[:3] == ["loss", "gradient flow", "step size"]


def test_nothing_fails_on_an_empty_run() -> None:
    assert normal(Run()) == []
    assert checked(Run())
    assert all(list(look(Run())) == [] for look in LOOKALIKES)


def test_verbose_run_says_why_it_is_silent(tmp_path: Path) -> None:
    write(tmp_path, MLP)
    quiet = unstuck("run", "train.py", cwd=tmp_path)
    said = unstuck("run", "-v", "train.py", cwd=tmp_path)
    assert "checked" not in quiet.stderr
    assert "gradient flow" in said.stderr
    assert "wiring" in said.stderr
    assert "nothing found that stops this training" in said.stderr
