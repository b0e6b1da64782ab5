"""When a proof looks, and when it gives up."""

from __future__ import annotations

import time
from math import exp
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from unstuck import worth
from unstuck.findings import Finding, Severity
from unstuck.proof import END, decide, doubled, telling
from unstuck.sketch import sketch
from unstuck.trials import Laboratory, LocalExecutor, Target
from unstuck.verdict import Objective

SLOW = Finding("slow-convergence", "U405", Severity.ERROR, "")
LOSS = Objective("training loss")


def trial(late: int, seed: int = 0) -> Any:
    """Return a trial whose loss falls by a tenth, most of it in forty steps after `late`."""
    run = sketch(loss=lambda s: 0.9 + 0.01 * seed + 0.1 * exp(-max(0, s - late) / 40), steps=200)
    return SimpleNamespace(run=run, status="completed", steps=200, seed=seed)


class Bench:
    """What `telling` and `decide` ask of a fix whose control never learns."""

    def __init__(self) -> None:
        self.control_trial = trial(200)
        self.control = self.control_trial.run
        self.options = SimpleNamespace(metric=None)
        self.objective = LOSS
        self.notes: list[str] = []

    def aim(self, first: Finding, steps: int) -> Objective:
        return LOSS

    def run_of(self, one: Any) -> Any:
        return one.run

    def value(self, one: Any, steps: int) -> float:
        return worth.value(one.run, LOSS.name, min(steps, one.steps))


@pytest.mark.parametrize(
    ("late", "looks"), [(0, [15, 30, 60, 120]), (50, [64, 128]), (150, [160]), (200, [])], ids=str
)
def test_it_looks_as_soon_as_a_quarter_of_the_gain_is_there(late: int, looks: list[int]) -> None:
    bench: Any = Bench()
    assert telling(bench, trial(late), 161, 1.0, SLOW, apart=True) == looks


@pytest.mark.parametrize(
    ("late", "looks"), [(0, [30, 60, 120]), (50, [80, 160]), (60, [])], ids=str
)
def test_it_looks_sooner_only_if_the_pilots_seed_is_worth_less(late: int, looks: list[int]) -> None:
    bench: Any = Bench()
    assert telling(bench, trial(late), 161, 1.0, SLOW, apart=False) == looks


@pytest.mark.parametrize(
    ("steps", "further", "looks"),
    [(24, 96, [24, 48, 96]), (24, 100, [24, 48, 96, 100]), (24, 24, [24]), (24, END, [24, END])],
)
def test_it_looks_again_after_twice_as_many_steps(
    steps: int, further: int, looks: list[int]
) -> None:
    assert doubled(steps, further) == looks


def test_an_early_look_in_vain_gives_nothing_up() -> None:
    bench: Any = Bench()
    controls = {seed: trial(200, seed) for seed in range(3)}
    treated = {seed: trial(60, seed + 1) for seed in range(3)}  # which start a little behind
    looks = [40, 160]
    assert decide(bench, controls, treated, looks, SLOW)[3] == 40
    compared, _, _, steps = decide(bench, controls, treated, looks, SLOW, sure=160)
    assert steps == 160
    assert compared is not None
    assert compared.proven


SCRIPT = """\
import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(32, 4)
model = nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(8):
    optimizer.zero_grad()
    loss = (model(x) ** 2).mean()
    loss.backward()
    optimizer.step()
"""


def test_a_remedy_on_top_of_a_patch_finds_the_calls_of_the_patch(tmp_path: Path) -> None:
    path, copy = tmp_path / "train.py", tmp_path / "patched.py"
    path.write_text(SCRIPT)
    copy.write_text(
        SCRIPT.replace("optimizer =", "# one line more\noptimizer =").replace("0.1", "1")
    )
    sources = {str(path.resolve()): str(copy)}
    laboratory = Laboratory(LocalExecutor(1, ["torch"]), Target(str(path)), time.monotonic() + 60)
    try:
        before = laboratory.trial((), 0, sources=sources, live=False)
        [*laboratory.advance([before])]
        candidate = (("lower-learning-rate", {"factor": 0.1}),)
        after = laboratory.trial(candidate, 0, sources=sources, control=before.spec.record, run=0)
        [*laboratory.advance([after])]
        recording = after.recording()
        assert recording is not None
        assert [c["what"] for c in recording.facts["changes"]] == ["SGD(lr=1) -> SGD(lr=0.1)"]
    finally:
        laboratory.close()
