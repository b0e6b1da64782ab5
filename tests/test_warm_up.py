"""warm-up: what is executed live is what the patched script does, next to other schedules."""

from __future__ import annotations

from pathlib import Path

import pytest

from test_parity import SCRIPTS
from treating import Outcome, execute, patch, same, treat, watch
from unstuck import registry
from unstuck.findings import Finding, Severity
from unstuck.signals import Run

FINDING = Finding("learning-rate-too-high", "U401", Severity.ERROR, "It is too high.")
DIGITS = """\
import torch
from torch import nn
from torch.optim import lr_scheduler
from sklearn.datasets import load_digits

torch.manual_seed(0)
data = load_digits()
x = torch.tensor(data.data[:320], dtype=torch.float32) / 16
y = torch.tensor(data.target[:320])
rates = []


def train(model, optimizer, scheduler=None):
    for epoch in range(4):
        for rows in torch.randperm(320).split(32):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
        if scheduler is not None:
            scheduler.step()


def main():
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    optimizer = OPTIMIZER
    SCHEDULER
    return model


warm_up = "a name that is taken"
model = main()
"""
SGD = "torch.optim.SGD(model.parameters(), lr=0.5)"


def script(scheduler: str, optimizer: str = SGD) -> str:
    made = f"train(model, optimizer, {scheduler})" if scheduler else "train(model, optimizer)"
    return DIGITS.replace("OPTIMIZER", optimizer).replace("SCHEDULER", made)


FORMS = {
    "no schedule": script(""),
    "adam, groups": script(
        "",
        "torch.optim.Adam([{'params': model[0].parameters(), 'lr': 1e-3},"
        " {'params': model[2].parameters()}], lr=1e-2)",
    ),
    "step": script("lr_scheduler.StepLR(optimizer, 1, 0.5)"),
    "exponential": script("lr_scheduler.ExponentialLR(optimizer, 0.7)"),
    "milestones": script("lr_scheduler.MultiStepLR(optimizer, [2])"),
    "polynomial": script("lr_scheduler.PolynomialLR(optimizer, 4)"),
}


def treated(tmp_path: Path, source: str, steps: float = 8.0) -> tuple[Path, Run, Outcome]:
    path = tmp_path / "train.py"
    path.write_text(source)
    run = watch(path)
    return path, run, treat(path, run, (("warm-up", {"steps": steps}),))


@pytest.mark.parametrize("form", FORMS)
def test_the_patched_script_does_the_same_and_warms_up(tmp_path: Path, form: str) -> None:
    path, _, live = treated(tmp_path, FORMS[form])
    assert live.changes
    patched = execute(path, patch(path, live.changes))
    assert same(live, Outcome(patched))
    assert live.names["rates"] == patched["rates"]
    plain = execute(path)["rates"]
    assert patched["rates"][0] == pytest.approx(plain[0] / 100)
    assert all(a < b for a, b in zip(patched["rates"][:8], patched["rates"][1:9], strict=True))
    assert patched["rates"][8:] == pytest.approx(plain[8:])
    assert patched["warm_up"] == "a name that is taken"


@pytest.mark.parametrize("name", SCRIPTS)
def test_treated_and_patched_agree(tmp_path: Path, name: str) -> None:
    path, _, live = treated(tmp_path, SCRIPTS[name], 2.0)
    assert bool(live.changes) is (name != "tied")  # there a function returns the optimizer
    source = patch(path, live.changes)
    assert same(live, Outcome(execute(path, source)))


def test_together_with_another_optimizer(tmp_path: Path) -> None:
    path, run, _ = treated(tmp_path, FORMS["step"])
    pairs = (("use-adam", {"lr": 0.01}), ("warm-up", {"steps": 5.0}), ("clip-gradients", {}))
    live = treat(path, run, pairs)
    assert len(live.changes) == 3
    assert same(live, Outcome(execute(path, patch(path, live.changes))))


DECLINED = {
    "cosine": script("lr_scheduler.CosineAnnealingLR(optimizer, 4)"),
    "lambda": script("lr_scheduler.LambdaLR(optimizer, lambda e: 0.9 ** e)"),
    "one cycle": script("lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=5)"),
    "rates set by hand": script("").replace(
        "        if scheduler is",
        "        optimizer.param_groups[0]['lr'] = 0.1\n        if scheduler is",
    ),
}


@pytest.mark.parametrize("form", DECLINED)
def test_schedules_that_set_the_rate_are_left_alone(tmp_path: Path, form: str) -> None:
    _, run, live = treated(tmp_path, DECLINED[form])
    assert not live.changes
    assert registry.remedy("warm-up")().settings(run, FINDING) == ()


def test_an_optimizer_inside_a_larger_statement_is_left_alone(tmp_path: Path) -> None:
    source = script("").replace(
        f"optimizer = {SGD}\n    train(model, optimizer)", f"train(model, {SGD})"
    )
    _, _, live = treated(tmp_path, source)
    assert not live.changes


def test_a_warm_up_takes_a_tenth_of_the_run() -> None:
    remedy = registry.remedy("warm-up")()
    assert remedy.settings(Run(steps=400), FINDING) == ({"steps": 40.0},)
    assert remedy.settings(Run(steps=10**6), FINDING) == ({"steps": 1000.0},)
    assert remedy.settings(Run(steps=10), FINDING) == ()
