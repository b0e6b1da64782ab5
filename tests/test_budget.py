"""What watching may cost, and that steps which are not sampled are left alone."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import nn
from torch.nn.modules import module as hooks

from unstuck import record
from unstuck.frameworks import torch as watching
from unstuck.frameworks.pacing import ALLOWANCE
from unstuck.frameworks.torch import TorchWatcher
from unstuck.record import Recorder, read


@pytest.fixture
def watcher(tmp_path: Path) -> Iterator[TorchWatcher]:
    recorder = Recorder(tmp_path / "run.db")
    watcher = TorchWatcher(recorder)
    watcher.install()
    yield watcher
    watcher.uninstall()
    recorder.close()


def training() -> Callable[[], Any]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x, y = torch.randn(16, 4), torch.randint(0, 2, (16,))

    def step() -> tuple[Any, Any]:
        optimizer.zero_grad()
        outputs = model(x)
        F.cross_entropy(outputs, y).backward()
        optimizer.step()
        return outputs, y

    return step


def attached() -> int:
    return len(hooks._global_forward_hooks) + len(hooks._global_forward_pre_hooks)


def _clock(perf_counter: Callable[[], float]) -> SimpleNamespace:
    return SimpleNamespace(perf_counter=perf_counter, thread_time=time.thread_time)


def test_hooks_are_there_only_for_steps_that_are_sampled(watcher: TorchWatcher) -> None:
    before = attached()
    step = training()
    with_hooks = []
    for _ in range(100):
        deep = sum(training.deep for training in watcher._all)
        hooked = attached() > before
        step()
        with_hooks.append(hooked == (sum(t.deep for t in watcher._all) > deep))
    assert all(with_hooks)
    assert 10 < watcher._all[0].deep < 60


def test_the_allowance_is_paid_back(watcher: TorchWatcher, monkeypatch: pytest.MonkeyPatch) -> None:
    now = watcher.started
    monkeypatch.setattr(watching, "time", _clock(lambda: now))
    assert watcher.may_sample(ALLOWANCE)
    watcher.spent = ALLOWANCE
    now = watcher.started + 24
    assert not watcher.may_sample(0.001)
    now = watcher.started + 27
    assert watcher.may_sample(0.01)
    assert not watcher.may_sample(0.03)


def test_deep_samples_keep_half_of_the_budget(
    watcher: TorchWatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = watcher.started + 100
    monkeypatch.setattr(watching, "time", _clock(lambda: now))
    watcher.light, watcher.judged = 3.0, 0.4
    assert watcher.may_sample(0.49)
    assert not watcher.may_sample(0.51)


def test_a_loss_that_is_logged_every_step_takes_half_of_the_budget(
    watcher: TorchWatcher, tmp_path: Path
) -> None:
    step = training()
    watcher.judged = 0.49 * ALLOWANCE
    watcher.budget = 0.0
    for _ in range(400):
        outputs, y = step()
        F.cross_entropy(outputs.detach(), y)
    assert not watcher._validating
    assert watcher.judged < 0.6 * ALLOWANCE
    watcher.uninstall()
    watcher.recorder.close()
    (run,) = read(tmp_path / "run.db").runs
    assert 0 < len(run.of("validation_loss:0")) < 400
    assert len(run.loss) == 400


def test_what_came_before_a_pause_is_written(
    watcher: TorchWatcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing commits but steps and what announces a pause."""
    now = time.monotonic()
    clock = SimpleNamespace(**vars(_clock(time.perf_counter)), monotonic=lambda: now)
    for module in (watching, record):
        monkeypatch.setattr(module, "time", clock)
    step = training()
    written = lambda: len(read(tmp_path / "run.db").runs[0].loss)  # noqa: E731
    now += 1.0
    outputs, y = step()
    watcher._all[0].disarm()
    watcher._all[0].next_deep = 1000
    assert written() == 1
    for _ in range(10):
        step()
    assert written() == 1
    now += 0.2
    step()
    assert written() == 1
    F.cross_entropy(outputs.detach(), y)
    assert written() == 12
    now += 0.6
    step()
    assert written() == 13
    now += 0.2
    list(torch.utils.data.DataLoader([1.0]))
    for _ in range(3):
        step()
    assert written() == 13
    now += 0.2
    list(torch.utils.data.DataLoader([1.0]))
    assert written() == 16


def test_steps_that_are_not_sampled_are_not_looked_at_before(watcher: TorchWatcher) -> None:
    step = training()
    step()
    assert watcher.attentive
    watcher._all[0].disarm()
    watcher._all[0].next_deep = 1000
    for _ in range(2):  # in the first, gradients are compared with those of the sampled step
        step()
    assert not watcher.attentive
    other = training()
    assert watcher.attentive
    other()
    assert [training.step for training in watcher._all] == [3, 1]


def test_ordinary_steps_take_the_short_way_and_lose_nothing(
    watcher: TorchWatcher, tmp_path: Path
) -> None:
    """Neither a step nor a loss, whatever comes in between; the wrappers take what torch's take."""
    model = nn.Linear(4, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    losses, quiet = [], 0
    for step in range(400):
        if step == 30:
            watcher._all[0].disarm()
            watcher._all[0].next_deep = 350
        optimizer.zero_grad()
        x, y = torch.randn(8, 4), torch.randint(0, 2, (8,))
        loss = F.cross_entropy(target=y, input=model(x), label_smoothing=0.1)
        if step % 3:
            loss.backward()
        else:
            torch.autograd.backward((loss,), inputs=list(model.parameters()))
        if step == 200:
            optimizer.param_groups[0]["lr"] = 0.05
        optimizer.step()
        losses.append(loss.item())
        quiet += watcher.quiet
        if step % 100 == 99:
            with torch.no_grad():
                F.cross_entropy(model(x), y)
    assert quiet > 300
    watcher.uninstall()
    watcher.recorder.close()
    (run,) = read(tmp_path / "run.db").runs
    assert run.loss.steps == tuple(range(400))
    assert list(run.loss.values) == losses
    assert run.of("learning_rate").steps == (0, 200)
    assert len(run.of("validation_loss:0")) == 4


def test_a_copied_optimizer_is_a_training_of_its_own(watcher: TorchWatcher, tmp_path: Path) -> None:
    """Its constructor was never called, so only its steps tell of it."""
    step = training()
    for _ in range(3):
        step()
    watcher._all[0].disarm()
    watcher._all[0].next_deep = 1000
    for _ in range(2):
        step()
    model = nn.Linear(4, 2)
    optimizer = copy.deepcopy(torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=0.1))
    optimizer.param_groups[0]["params"] = list(model.parameters())
    watcher._all[1].disarm()
    watcher.attentive = False
    for _ in range(4):
        model(torch.randn(8, 4)).square().mean().backward()
        optimizer.step()
    watcher.uninstall()
    watcher.recorder.close()
    runs = read(tmp_path / "run.db").runs
    assert [len(run.loss) for run in runs if run.steps] == [5, 4]


def test_an_optimizer_that_never_steps_is_let_go(watcher: TorchWatcher) -> None:
    model = nn.Linear(4, 4)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    (held,) = watcher._all
    held._spent = watcher.spent - 1.0  # as after very many passes
    model(torch.randn(2, 4))
    assert not held.armed
    assert held.cost >= 1.0
    del optimizer


def test_a_training_whose_optimizer_is_gone_has_no_hooks(watcher: TorchWatcher) -> None:
    before = attached()
    torch.optim.SGD([nn.Parameter(torch.ones(2))], lr=0.1)
    step = training()
    for _ in range(3):
        step()
    gone, going = watcher._all
    assert not gone.armed
    assert attached() <= before + 2
    assert going.deep == 3
