"""What cannot be patched is said with its line: stop-early, and remedies that declined."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from treating import watch
from unstuck.by_hand import advice
from unstuck.findings import Finding, Location, Severity
from unstuck.loops import epoch_loop, rounds
from unstuck.registry import hints, remedy
from unstuck.signals import Run, Series
from unstuck.sources.script import Script

HEAD = """\
import torch
from torch import nn
from sklearn.datasets import load_wine

torch.manual_seed(0)
wine = load_wine()
x = torch.tensor(wine.data, dtype=torch.float32)
x = (x - x.mean(0)) / x.std(0)
y = torch.tensor(wine.target)
model = nn.Sequential(nn.Linear(13, 32), nn.ReLU(), nn.Linear(32, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)


def validate():
    with torch.no_grad():
        return nn.functional.cross_entropy(model(x[140:]), y[140:]).item()


def step(rows):
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
    optimizer.step()  # step


"""
LOOPS = {
    "flat": (
        HEAD + "for epoch in range(6):  # epochs\n    for rows in torch.arange(140).split(35):\n"
        "        step(rows)\n    validate()\n",
        "6",
    ),
    "functions": (
        HEAD + "def epoch():\n    for i in range(0, 140, 35):\n        step(slice(i, i + 35))\n\n"
        "def main(epochs=6):\n    for _ in range(1, epochs):  # epochs\n        epoch()\n"
        "        validate()\n\nif __name__ == '__main__':\n    main()\n",
        "epochs",
    ),
    "full batch": (
        HEAD + "for fold in range(1):\n    for epoch in range(20):  # epochs\n"
        "        step(slice(0, 140))\n        validate()\n",
        "20",
    ),
    "while": (
        HEAD + "epoch = 0\nwhile epoch < 6:  # epochs\n    for rows in [slice(0, 140)]:\n"
        "        step(rows)\n    validate()\n    epoch += 1\n",
        None,
    ),
    "class": (
        HEAD + "class Trainer:\n    def fit(self, epochs):\n"
        "        for epoch in reversed(range(epochs)):  # epochs\n"
        "            for rows in torch.arange(140).split(35):\n                step(rows)\n"
        "            validate()\n\nTrainer().fit(5)\n",
        "epochs",
    ),
}


@pytest.mark.parametrize("form", LOOPS)
def test_the_loop_over_epochs_is_found(tmp_path: Path, form: str) -> None:
    source, count = LOOPS[form]
    path = tmp_path / "train.py"
    path.write_text(source)
    run = watch(path)
    script = Script.read(run.optimizer.step_location)
    assert script is not None
    loop = epoch_loop(script, run.optimizer.step_location)
    assert loop is not None
    lines = source.splitlines()
    assert "# epochs" in lines[loop.lineno - 1]
    found = rounds(loop)
    assert (script.text(found) if found is not None else None) == count
    place = remedy("stop-early")().place(run)
    assert place is not None
    assert place.line == loop.lineno


def test_the_best_moment_is_named(tmp_path: Path) -> None:
    path = tmp_path / "train.py"
    path.write_text(LOOPS["flat"][0])
    run = watch(path)
    losses = Series((3, 7, 11, 15, 19, 23), (1.0, 0.5, 0.4, 0.6, 0.8, 0.9))
    series = {k: v for k, v in run.series.items() if not k[1].startswith("validation")}
    run = replace(run, series={**series, ("", "validation_loss:0"): losses})
    finding = Finding(
        "overfitting",
        "U501",
        Severity.ERROR,
        "It rises.",
        remedies=hints(("add-dropout", "stop-early", "no-such-remedy")),
    )
    (line,) = advice(run, finding, ())
    number = LOOPS["flat"][0].splitlines().index("for epoch in range(6):  # epochs") + 1
    assert f"train.py:{number}: " in line
    assert "after step 12 of 24 (pass 3 of 6: 0.4, 0.9 at the end)" in line
    assert "(6 -> 3 in the loop over epochs)" in line
    both = advice(run, finding, ("add-dropout",))
    assert [text.split(": ")[1] for text in both] == ["add-dropout", "stop-early"]


def test_what_a_rewrite_would_say_is_told_where_it_is_not_proven(tmp_path: Path) -> None:
    path = tmp_path / "train.py"
    made = "optimizer = torch.optim.SGD(model.parameters(), lr=0.1)\n"
    late = f"{made}model[2] = nn.Linear(32, 3)  # late\n"
    source = LOOPS["flat"][0].replace(made, late)
    path.write_text(source)
    run = watch(path)
    finding = Finding(
        "frozen-parameters", "U804", Severity.ERROR, "So.", remedies=hints(("register-layers",))
    )
    (line,) = advice(run, finding, (), ["register-layers"])
    number = source.splitlines().index("model[2] = nn.Linear(32, 3)  # late") + 1
    assert line.startswith("not proven: register-layers: ")
    assert f"train.py:{number - 1}: optimizer constructed behind line {number}" in line
    (line,) = advice(run, finding, ["register-layers"])
    assert f"modules of line {number} " in line
    assert "`optimizer.add_param_group(" in line


def test_advice_needs_no_evidence() -> None:
    finding = Finding(
        "overfitting",
        "U501",
        Severity.ERROR,
        "It rises.",
        location=Location("nowhere.py", 3),
        remedies=hints(
            ("stop-early", "fix-schedule", "weigh-classes", "warm-up", "register-layers")
        ),
    )
    lines = advice(Run(), finding, ())
    assert len(lines) == 5
    assert all("nowhere.py:3" in line for line in lines)
