"""Remedies side by side: same seeds, a table, a picture, and plain words where one does not fit."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from scripts import unstuck, write
from unstuck.remedies import Remedy
from unstuck.side_by_side import parse

SLOW = """\
import torch
from sklearn.datasets import load_wine
from torch import nn

torch.manual_seed(0)
x, y = load_wine(return_X_y=True)
x = torch.tensor((x - x.mean(0)) / x.std(0), dtype=torch.float32)
y = torch.tensor(y)
model = nn.Sequential(nn.Linear(13, 16), nn.ReLU(), nn.Linear(16, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
for step in range(60):
    loss = nn.functional.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print("accuracy", (model(x).argmax(1) == y).float().mean().item())
"""


def test_names_settings_and_bundles_are_read() -> None:
    assert parse("use-adam=0.01") == (("use-adam", (0.01,)),)
    assert parse("use-relu + use-adam=1e-3") == (("use-relu", ()), ("use-adam", (0.001,)))
    with pytest.raises(ValueError, match="no remedy 'adam'"):
        parse("adam")
    with pytest.raises(ValueError, match="is a number"):
        parse("use-adam=fast")


def test_a_table_a_picture_and_json(tmp_path: Path) -> None:
    script = write(tmp_path, SLOW)
    arguments = ("--remedy", "use-adam=0.01", "--remedy", "use-relu", "--seeds", "3")
    done = unstuck(
        "compare", str(script), *arguments, "--format", "json", "--picture", "c.html", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    arms = json.loads(done.stdout)["arms"]
    control, adam, relu = arms
    assert control["label"] == "as it is"
    assert adam["p_value"] == pytest.approx(0.05)
    assert max(adam["objective"]) < min(control["objective"])
    assert all(steps < 30 for steps in adam["steps_to_control"])
    assert relu["note"] == "no effect"
    picture = (tmp_path / "c.html").read_text()
    assert "use-adam=0.01: the training loss goes from" in picture
    assert "http:" not in picture.partition("<script")[0]


def test_the_objective_may_be_what_the_script_prints(tmp_path: Path) -> None:
    script = write(tmp_path, SLOW)
    metric = ("--metric", "accuracy ([0-9.]+)", "--remedy", "use-adam=0.1", "--seeds", "1")
    done = unstuck("compare", *metric, str(script), "--format", "markdown", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "| as it is |" in done.stdout
    assert "/accuracy" in done.stdout


@pytest.mark.parametrize(
    ("remedy", "said"),
    [
        ("use-magic", "no remedy 'use-magic'"),
        ("use-relu=3", "takes nothing as its setting"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(tmp_path: Path, remedy: str, said: str) -> None:
    script = write(tmp_path, SLOW)
    done = unstuck("compare", str(script), "--remedy", remedy, "--seeds", "1", cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_label_is_read_back() -> None:
    class UseThing(Remedy):
        """A thing."""

    assert UseThing.label({"a": 0.5, "b": 2.0}) == "use-thing=0.5,2"
    assert not math.isnan(parse("use-adam=0.5")[0][1][0])
