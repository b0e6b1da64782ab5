"""A script with several trainings: a trial is about one of them and is measured in its steps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from torch import nn

from treating import execute, recorded
from unstuck.bench import Bench, Options
from unstuck.frameworks.torch import TorchWatcher
from unstuck.record import Recorder, Recording, read
from unstuck.runner import Spec, StopTraining
from unstuck.signals import Run
from unstuck.trials import Trial

STAGES = """\
import torch
from torch import nn

def train(model, optimizer, steps):
    for _ in range(steps):
        optimizer.zero_grad()
        model(torch.ones(2, 4)).square().mean().backward()
        optimizer.step()

torch.manual_seed(0)
model = nn.Linear(4, 1)
spare = torch.optim.SGD(model.parameters(), lr=0.01)
for steps in (9, 6):
    train(model, torch.optim.SGD(model.parameters(), lr=0.01), steps)
"""


def test_steps_of_the_training_that_counts(tmp_path: Path) -> None:
    path = tmp_path / "train.py"
    path.write_text(STAGES)
    runs = [run for run in recorded(path).runs if run.steps]
    assert [run.steps for run in runs] == [9, 6]
    original = nn.Module.__init__, nn.Module.__setstate__
    recorder = Recorder(tmp_path / "stopped.db")
    watcher = TorchWatcher(recorder, stop_at=4, counted=runs[1].index)
    watcher.install()
    try:
        execute(path)
    except StopTraining:
        pass
    finally:
        watcher.uninstall()
        nn.Module.__init__, nn.Module.__setstate__ = original
        recorder.close()
    steps = [run.steps for run in read(tmp_path / "stopped.db").runs if run.steps]
    assert steps == [9, 4]


def test_the_counterpart_of_a_run() -> None:
    def trial(*steps: int, run: int | None = None) -> Trial:
        runs = tuple(replace(Run(), index=i, steps=n) for i, n in enumerate(steps))
        held = Trial((), 0, Spec("", run=run), "completed")
        held._read = Recording("", runs, {})
        return held

    known: dict[str, Any] = {"trial": lambda *_, **__: trial(30, 20)}
    bench = Bench(SimpleNamespace(**known), Options(), print)  # type: ignore[arg-type]
    bench.control = replace(Run(), index=1)
    found = [bench.run_of(each) for each in (trial(30, 25), trial(30, 0, 25))]
    assert [run.steps if run else None for run in found] == [25, 25]
    assert trial(30, 25, run=1).steps == 25
    assert trial(30, 25).steps == 30
