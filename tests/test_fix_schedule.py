"""fix-schedule makes schedules of all kinds as long as the run, or leaves them alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from rewriting import FINDING, changed, rewritten, watched, written
from treating import execute
from unstuck import registry
from unstuck.edits import Rewrite
from unstuck.schedules import near_one

HEAD = """\
import math
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.optim import lr_scheduler
from torch.optim.lr_scheduler import ExponentialLR as Exponential, LambdaLR, StepLR
from sklearn.datasets import load_iris

torch.manual_seed(0)
data = load_iris()
x = torch.tensor(data.data, dtype=torch.float32)
y = torch.tensor(data.target)
rates = []
"""
FLAT = (
    HEAD
    + """\
model = nn.Linear(4, 3)
optimizer = optim.SGD(model.parameters(), lr=0.1)
SCHEDULE
for epoch in range(15):
    for rows in torch.randperm(150).split(25):
        loss = F.cross_entropy(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        rates.append(optimizer.param_groups[0]["lr"])
        BATCH
    EPOCH
"""
)
"""90 steps in 15 epochs."""


def script(schedule: str, batch: str = "pass", epoch: str = "pass") -> str:
    return FLAT.replace("SCHEDULE", schedule).replace("BATCH", batch).replace("EPOCH", epoch)


STEP = "scheduler.step()"
FORMS = {
    "step, keywords": script("scheduler = StepLR(optimizer, step_size=2, gamma=0.5)", STEP),
    "step, positional": script("scheduler = lr_scheduler.StepLR(optimizer, 1, 0.6)", STEP),
    "step, gamma left out": script(
        "scheduler = optim.lr_scheduler.StepLR(optimizer, step_size=2)", epoch=STEP
    ),
    "step, tiny gamma": script("scheduler = StepLR(optimizer, 3, gamma=1e-3)", epoch=STEP),
    "exponential, alias": script("scheduler = Exponential(optimizer, 0.2)", epoch=STEP),
    "exponential, batch": script("scheduler = Exponential(optimizer, gamma=0.8)", STEP),
    "milestones": script(
        "scheduler = lr_scheduler.MultiStepLR(optimizer, [2, 4, 6], gamma=0.2)", STEP
    ),
    "milestones, tuple": script(
        "marks = (1, 2)\nscheduler = lr_scheduler.MultiStepLR(optimizer, milestones=marks)",
        epoch=STEP,
    ),
    "linear": script(
        "scheduler = lr_scheduler.LinearLR(\n    optimizer,\n    start_factor=1.0,\n"
        "    end_factor=0.001,  # nearly nothing\n    total_iters=5,\n)",
        STEP,
    ),
    "linear, default length": script(
        "scheduler = lr_scheduler.LinearLR(\n    optimizer,\n    start_factor=1.0,\n"
        "    end_factor=0.001,  # nearly nothing\n)",
        STEP,
    ),
    "polynomial": script("scheduler = lr_scheduler.PolynomialLR(optimizer, 3)", epoch=STEP),
    "lambda": script("scheduler = LambdaLR(optimizer, lambda e: 0.3 ** e)", epoch=STEP),
    "lambda, two uses": script(
        "scheduler = LambdaLR(optimizer, lr_lambda=lambda i: max(1 - i / 10, 1e-4) if i else 1)",
        STEP,
    ),
    "lambda, list": script(
        "scheduler = LambdaLR(optimizer, lambda e: ([1.0, 0.3] + [1e-4] * 99)[e])", epoch=STEP
    ),
    "lambda, function": script(
        "def decay(step):\n    return math.exp(-step)\n"
        "scheduler = LambdaLR(optimizer, lr_lambda=decay)",
        STEP,
    ),
    "multiplicative": script(
        "scheduler = lr_scheduler.MultiplicativeLR(optimizer, lambda _: 0.5)", epoch=STEP
    ),
    "sequential": script(
        "warm = lr_scheduler.LinearLR(optimizer, 0.5, total_iters=2)\n"
        "down = Exponential(optimizer, 0.3)\n"
        "scheduler = lr_scheduler.SequentialLR(optimizer, [warm, down], milestones=[2])",
        STEP,
    ),
    "chained": script(
        "scheduler = lr_scheduler.ChainedScheduler([StepLR(optimizer, 2),\n"
        "                                           Exponential(optimizer, 0.5)])",
        STEP,
    ),
    "plateau": script(
        "scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, patience=0)",
        "scheduler.step(loss.item())",
    ),
    "plateau, wrong mode": script(
        'scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, mode="max", patience=1)',
        epoch="scheduler.step(loss.detach())",
    ),
    "group *=": script(
        "",
        epoch='for group in optimizer.param_groups:\n        group["lr"] *= 0.3',
    ),
    "group = group *": script(
        "",
        epoch="optimizer.param_groups[0]['lr'] = optimizer.param_groups[0]['lr'] * 0.25",
    ),
    "group /=": script("", epoch="for g in optimizer.param_groups:\n        g['lr'] /= 5"),
    "group, named factor": script("DECAY = 0.2", epoch="optimizer.param_groups[0]['lr'] *= DECAY"),
    "variable": script(
        "lr = 0.1",
        epoch="lr = 0.3 * lr\n    for g in optimizer.param_groups:\n        g['lr'] = lr",
    ),
    "power": script(
        "def adjust(optimizer, epoch):\n"
        "    lr = 0.1 * (0.1 ** (epoch // 2))\n"
        "    for group in optimizer.param_groups:\n        group['lr'] = lr\n",
        epoch="adjust(optimizer, epoch)",
    ),
    "in a class": HEAD
    + """\
class Trainer:
    def __init__(self, model):
        self.model = model
        self.optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
        self.scheduler = StepLR(self.optimizer, gamma=0.3, step_size=1)

    def epoch(self):
        for rows in torch.randperm(150).split(25):
            loss = F.cross_entropy(self.model(x[rows]), y[rows])
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            rates.append(self.optimizer.param_groups[0]["lr"])
            self.scheduler.step()

def main():
    trainer = Trainer(nn.Linear(4, 3))
    for _ in range(12):
        trainer.epoch()

if __name__ == "__main__":
    main()
""",
}


@pytest.mark.parametrize("form", FORMS)
def test_the_rate_lasts_as_long_as_the_run(tmp_path: Path, form: str) -> None:
    path = written(tmp_path, FORMS[form], "")
    run = watched(path)
    source = rewritten(path, run, "fix-schedule")
    assert source is not None
    before, after = execute(path)["rates"], execute(path, source)["rates"]
    assert before[len(before) // 2] < 0.02 * max(before)
    assert after[len(after) // 2] > 0.02 * max(after)
    assert len(before) == len(after)
    assert max(after) == pytest.approx(max(before))


@pytest.mark.parametrize("left", [0.25, 0.1, 0.01])
@pytest.mark.parametrize(
    "form",
    [
        *("exponential, batch", "group *=", "lambda", "multiplicative"),
        "exponential, alias",
    ],
)
def test_the_share_that_is_left_is_the_one_asked_for(
    tmp_path: Path, form: str, left: float
) -> None:
    path = written(tmp_path, FORMS[form], "")
    run = watched(path)
    source = rewritten(path, run, "fix-schedule", {"left": left})
    assert source is not None
    rates = execute(path, source)["rates"]
    assert left / 2 < rates[-1] / max(rates) < left * 2


@pytest.mark.parametrize(
    "schedule",
    [
        "scheduler = Exponential(optimizer, gamma=1.2)",
        "scheduler = StepLR(optimizer, 3, 1.5)",
        "scheduler = lr_scheduler.MultiStepLR(optimizer, [4, 8], gamma=10)",
    ],
)
def test_a_rate_that_rises_to_the_end_falls(tmp_path: Path, schedule: str) -> None:
    path = written(tmp_path, script(schedule, epoch=STEP), "")
    source = rewritten(path, watched(path), "fix-schedule", {"left": 0.1})
    assert source is not None
    rates = execute(path, source)["rates"]
    assert rates == sorted(rates, reverse=True)
    assert 0.09 < rates[-1] / rates[0] < 0.2


@pytest.mark.parametrize(
    ("form", "left"),
    [
        ("step, keywords", 0.25),
        ("step, tiny gamma", 0.1),
        ("exponential, alias", 0.25),
        ("group *=", 0.25),
        ("milestones", 0.1),
    ],
)
def test_more_is_left_where_the_rate_falls_in_small_steps(
    tmp_path: Path, form: str, left: float
) -> None:
    run = watched(written(tmp_path, FORMS[form], ""))
    first, second = registry.remedy("fix-schedule")().settings(run, FINDING)
    assert first == {"left": left}
    assert second["left"] < left


def test_nothing_but_the_arguments_changes(tmp_path: Path) -> None:
    source = script("scheduler = StepLR(  optimizer,step_size = 2 , gamma=0.1 )  # é", STEP)
    source = source.replace("\n", "\r\n")
    path = written(tmp_path, source, "")
    run = watched(path)
    edits = [c.edit for c in registry.remedy("fix-schedule")().rewrite(run, {"left": 0.01})]
    assert all(isinstance(edit, Rewrite) for edit in edits)
    after = rewritten(path, run, "fix-schedule", {"left": 0.01})
    assert after is not None
    assert changed(source.replace("\r\n", "\n"), after.replace("\r\n", "\n")) == [
        (
            "scheduler = StepLR(  optimizer,step_size = 2 , gamma=0.1 )  # é",
            "scheduler = StepLR(  optimizer,step_size = 30 , gamma=0.1 )  # é",
        )
    ]


def test_the_cosine_is_as_long_as_it_is_stepped(tmp_path: Path) -> None:
    cosine = "scheduler = lr_scheduler.CosineAnnealingLR(optimizer, T_max=10)"
    nine = script(cosine, "if len(rates) <= 10: scheduler.step()").replace("(15)", "(9)")
    path = written(tmp_path, nine, "")
    run = watched(path)
    assert run.facts["schedulers"][0]["calls"] == 10
    path = written(tmp_path, script(cosine, STEP), "")
    run = watched(path)
    source = rewritten(path, run, "fix-schedule", {"left": 0.01})
    assert source is not None
    assert changed(script(cosine, STEP), source) == [(cosine, cosine.replace("10", "90"))]


DECLINED = {
    "own class": script(
        "class Gone(lr_scheduler.LRScheduler):\n    def get_lr(self):\n"
        "        return [0.1 * 0.3 ** self.last_epoch]\nscheduler = Gone(optimizer)",
        STEP,
    ),
    "unpacked arguments": script(
        "given = dict(step_size=2, gamma=0.1)\nscheduler = StepLR(optimizer, **given)", STEP
    ),
    "unknown function": script(
        "import functools\nscheduler = LambdaLR(optimizer, functools.partial(pow, 0.3))", STEP
    ),
    "one cycle": script(
        "scheduler = lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=30)",
        "if len(rates) < 29: scheduler.step()",
    ),
    "called by another name": script(
        "kinds = {'step': StepLR}\nscheduler = kinds['step'](optimizer, 1, 0.5)", STEP
    ),
    "two places": script(
        "", "optimizer.param_groups[0]['lr'] *= 0.9", "optimizer.param_groups[0]['lr'] *= 0.5"
    ),
    "a scheduler and lines": script(
        "scheduler = Exponential(optimizer, 0.9)",
        STEP,
        "optimizer.param_groups[0]['lr'] *= 0.5",
    ),
    "a value from elsewhere": script(
        "def at(epoch):\n    return 0.1 / (1 + epoch) ** 4\n",
        epoch="optimizer.param_groups[0]['lr'] = at(epoch)",
    ),
    "a power of the rest": script(
        "", epoch="optimizer.param_groups[0]['lr'] = 0.1 * (1 - epoch / 16) ** 9"
    ),
}


@pytest.mark.parametrize("form", DECLINED)
def test_what_is_not_understood_is_left_alone(tmp_path: Path, form: str) -> None:
    path = written(tmp_path, DECLINED[form], "")
    run = watched(path)
    for left in (0.1, 0.01):
        assert rewritten(path, run, "fix-schedule", {"left": left}) is None
    remedy = registry.remedy("fix-schedule")()
    assert remedy.place(run) is not None
    assert remedy.display(run, {})


def test_a_rate_that_lasts_is_left_alone(tmp_path: Path) -> None:
    for source in (script(""), script("scheduler = StepLR(optimizer, 6)", epoch=STEP)):
        run = watched(written(tmp_path, source, ""))
        assert registry.remedy("fix-schedule")().settings(run, FINDING) == ()


def test_calls_and_places_are_recorded(tmp_path: Path) -> None:
    run = watched(written(tmp_path, FORMS["sequential"], ""))
    warm, down, both = run.facts["schedulers"]
    assert [warm["name"], down["name"], both["name"]] == [
        "LinearLR",
        "ExponentialLR",
        "SequentialLR",
    ]
    assert both["parts"] == [0, 1]
    assert [warm["calls"], down["calls"], both["calls"]] == [0, 0, 90]
    assert both["arguments"]["milestones"] == [2]
    run = watched(written(tmp_path, FORMS["plateau"], ""))
    assert len(run.facts["schedulers"][0]["metric"]) == 4


def test_factors_keep_their_distance_from_one() -> None:
    assert near_one(0.123456) == "0.123"
    assert near_one(0.99995395) == "0.9999539"
    assert near_one(2.0) == "2.0"
