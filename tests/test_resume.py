"""An interrupted fix goes on from what was measured before."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from scripts import DOUBLE_SOFTMAX, MLP, begin, interrupt, ours, unstuck, write
from unstuck.record import Recorder, read, snapshot
from unstuck.resume import Store, key, local_sources
from unstuck.runner import Spec
from unstuck.trials import Laboratory, Target, Trial

SLOW = MLP.replace("Adam(model.parameters(), lr=0.02)", "SGD(model.parameters(), lr=1e-4)").replace(
    "range(15)", "range(60)"
)
"""Its fix races several candidates before it proves one."""
FIX = ("fix", "--workers", "1", "--format", "json", "--output", "found.json", "train.py")


def states(folder: Path) -> list[Path]:
    return list(folder.glob(".unstuck/fix-*/state-*.json"))


def begun(folder: Path, trials: int) -> subprocess.Popen[str]:
    """Start a fix and wait until so many of its trials have been kept."""
    process = begin("-m", "unstuck", *FIX, cwd=folder)
    end = time.monotonic() + 120
    while len(states(folder)) < trials:
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.01)
    return process


def found(folder: Path) -> Any:
    return json.loads((folder / "found.json").read_text())


def test_interrupted_and_killed_fix_comes_to_the_same_verdict(tmp_path: Path) -> None:
    write(tmp_path, SLOW)
    assert unstuck(*FIX, cwd=tmp_path, timeout=600).returncode == 0
    whole = found(tmp_path)["verdict"]
    assert not list(tmp_path.glob(".unstuck/fix-*"))

    process = begun(tmp_path, 3)
    _, said = interrupt(process)
    assert process.returncode == 130
    assert "Traceback" not in said
    stopped = found(tmp_path)["verdict"]
    assert any("the same command goes on from there" in note for note in stopped["notes"])

    process = begun(tmp_path, 6)
    process.kill()
    out, _ = process.communicate(timeout=60)
    assert not out

    kept = len(states(tmp_path))
    resumed = unstuck(*FIX, cwd=tmp_path, timeout=600)
    assert f"resuming: {kept} trials, " in ours(resumed.stderr)[0]
    again = found(tmp_path)["verdict"]
    for name in ("status", "settings", "objective", "p_value", "patch"):
        assert again[name] == whole[name]
    assert again["cost"]["steps"] < whole["cost"]["steps"]
    assert any("measured before the fix was interrupted" in note for note in again["notes"])
    assert not list(tmp_path.glob(".unstuck/fix-*"))


def test_fix_of_a_changed_script_does_not_resume(tmp_path: Path) -> None:
    script = write(tmp_path, SLOW)
    process = begun(tmp_path, 1)
    process.kill()
    process.communicate(timeout=60)
    assert states(tmp_path)
    script.write_text(DOUBLE_SOFTMAX)
    changed = unstuck(*FIX, cwd=tmp_path, timeout=600)
    assert "resuming" not in changed.stderr
    assert found(tmp_path)["verdict"]["settings"] == ["drop-softmax"]
    assert states(tmp_path)


# ------------------------------------------------------------------ the key


def test_key_depends_on_all_that_decides(tmp_path: Path) -> None:
    script = write(tmp_path, "import helper\n")
    helper = write(tmp_path, "import json\n", "helper.py")
    target = Target(str(script))
    first = key(target, None, "max")
    assert key(target, None, "max") == first
    keys = {
        first,
        key(Target(str(script), ("--epochs", "3")), None, "max"),
        key(target, "loss: (.*)", "max"),
        key(target, "loss: (.*)", "min"),
    }
    helper.write_text("import csv\n")
    keys.add(key(target, None, "max"))
    script.write_text("import helper  # again\n")
    keys.add(key(target, None, "max"))
    assert len(keys) == 6


def test_local_sources_follow_imports_within_the_folder(tmp_path: Path) -> None:
    script = write(tmp_path, "import os, torch\nfrom nets import small\n")
    (tmp_path / "nets").mkdir()
    (tmp_path / "data").mkdir()
    write(tmp_path / "nets", "", "__init__.py")
    write(tmp_path / "nets", "from . import parts\nfrom ..data import load\n", "small.py")
    write(tmp_path / "nets", "not python", "parts.py")
    write(tmp_path / "data", "", "load.py")
    write(tmp_path, "", "unused.py")
    names = {str(path.relative_to(tmp_path.resolve())) for path in local_sources(script, False)}
    assert names == {"train.py", "nets/__init__.py", "nets/small.py", "nets/parts.py"} | {
        "data/load.py"
    }


# ------------------------------------------------------------------ trials without processes


class Counting:
    """An executor whose trials take their steps at once, and count them."""

    def __init__(self) -> None:
        self.workers = 1
        self.taken = 0

    def start(self, trial: Trial, target: Target) -> None:
        self._go(trial, 0)

    def resume(self, trial: Trial) -> None:
        self._go(trial, trial.steps)

    def _go(self, trial: Trial, steps: int) -> None:
        end = next((pause for pause in trial.spec.pauses if pause > steps), 100)
        self.taken += end - steps
        recorder = Recorder(trial.spec.record)
        loss = recorder.source(0, "", ["loss"])
        for step in range(end):
            recorder.append(loss, step, float(step))
        recorder.close()
        Path(str(trial.spec.output)).write_text("step\n" * end)
        trial.status, trial.code, trial._read = "paused", None, None
        if end == 100:
            trial.status, trial.code = "completed", 0

    def poll(self) -> None: ...

    def kill(self, trial: Trial, status: str) -> None:
        trial.status = status

    def close(self) -> None: ...


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Target:
    monkeypatch.chdir(tmp_path)
    return Target(str(write(tmp_path, "print()\n")))


def laboratory(target: Target) -> tuple[Laboratory, Counting]:
    executor = Counting()
    store = Store.open(target, None, "max")
    assert store is not None
    return Laboratory(executor, target, time.monotonic() + 60, store), executor


def advance(laboratory: Laboratory, trial: Trial, times: int = 1) -> None:
    for _ in range(times):
        list(laboratory.advance([trial]))


def test_trial_stands_at_each_moment_again_and_runs_anew_beyond(target: Target) -> None:
    first, counting = laboratory(target)
    trial = first.trial((), 0, pauses=(10, 40, 80))
    advance(first, trial, 2)
    assert (trial.status, trial.steps, counting.taken) == ("paused", 40, 40)
    assert trial.cost == 40
    first.close(interrupted=True)

    again, counting = laboratory(target)
    trial = again.trial((), 0, pauses=(10, 40, 80))
    for steps in (10, 40):
        advance(again, trial)
        assert (trial.status, trial.steps, trial.cost) == ("paused", steps, 0)
        recording = trial.recording()
        assert recording is not None
        assert recording.runs[0].loss.values == tuple(map(float, range(steps)))
        assert trial.output() == "step\n" * steps
    assert counting.taken == 0
    advance(again, trial)
    assert (trial.status, trial.steps, trial.cost, counting.taken) == ("paused", 80, 80, 80)
    advance(again, trial)
    assert (trial.status, trial.code, trial.steps) == ("completed", 0, 100)
    again.close(interrupted=True)

    last, counting = laboratory(target)
    trial = last.trial((), 0, pauses=(10, 40, 80))
    advance(last, trial, 4)
    assert (trial.status, trial.code, trial.steps) == ("completed", 0, 100)
    assert (trial.cost, counting.taken) == (0, 0)
    last.close()
    assert not Path(last.directory.name).exists()


@pytest.mark.parametrize(
    "other",
    [
        {"seed": 1},
        {"pauses": (10, 40)},
        {"stop_at": 30},
        {"live": False},
        {"candidate": (("use-adam", {"lr": 0.1}),)},
    ],
)
def test_another_trial_is_not_taken_for_it(target: Target, other: dict[str, Any]) -> None:
    first, _ = laboratory(target)
    advance(first, first.trial((), 0, pauses=(10,)))
    first.close(interrupted=True)
    again, counting = laboratory(target)
    asked: dict[str, Any] = {"candidate": (), "seed": 0, "pauses": (10,), **other}
    trial = again.trial(asked.pop("candidate"), asked.pop("seed"), **asked)
    advance(again, trial)
    assert counting.taken
    again.close()


def test_other_sources_are_another_trial(target: Target, tmp_path: Path) -> None:
    copy = write(tmp_path, "print(1)\n", "copy.py")
    first, _ = laboratory(target)
    made = first.trial((), 0, sources={target.script: str(copy)})
    same = first.trial((), 0, sources={target.script: str(copy)})
    copy.write_text("print(2)\n")
    other = first.trial((), 0, sources={target.script: str(copy)})
    assert made.identity == same.identity != other.identity
    first.close()


def test_damaged_moments_are_measured_again(target: Target) -> None:
    first, _ = laboratory(target)
    trial = first.trial((), 0, pauses=(10, 40))
    advance(first, trial, 2)
    first.close(interrupted=True)
    Path(trial.moments[1].record).write_bytes(b"cut off")
    again, counting = laboratory(target)
    trial = again.trial((), 0, pauses=(10, 40))
    advance(again, trial, 2)
    assert (trial.steps, counting.taken) == (40, 40)
    state = next(Path(again.directory.name).glob("state-*.json"))
    again.close(interrupted=True)
    state.write_text('[{"status": ')
    last, _ = laboratory(target)
    assert not last.store.known  # type: ignore[union-attr]
    last.close()


def test_killed_trials_count_for_nothing(target: Target) -> None:
    first, _ = laboratory(target)
    assert first.store is not None
    trial = first.trial((), 0)
    for status, code in (("stopped", None), ("timed-out", None), ("crashed", -signal.SIGKILL)):
        trial.status, trial.code = status, code
        first.store.keep(trial)
    assert not trial.moments
    first.close(interrupted=True)
    assert not Path(first.directory.name).exists()  # nothing was measured


def test_the_same_fix_twice_at_once_shares_nothing(target: Target) -> None:
    first = Store.open(target, None, "max")
    assert first is not None
    assert Store.open(target, None, "max") is None
    first.cleanup()
    again = Store.open(target, None, "max")
    assert again is not None
    again.cleanup()


def test_snapshot_of_a_growing_record(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "run.db")
    loss = recorder.source(0, "", ["loss"])
    for step in range(3):
        recorder.append(loss, step, 1.0)
    recorder.commit()
    snapshot(tmp_path / "run.db", tmp_path / "copy.db")
    recorder.append(loss, 3, 1.0)
    recorder.close()
    assert read(tmp_path / "copy.db").runs[0].steps == 3
    assert read(tmp_path / "run.db").runs[0].steps == 4
    assert {path.name for path in tmp_path.iterdir()} == {"run.db", "copy.db"}


def test_a_spec_is_not_needed_for_a_trial_that_was_never_run() -> None:
    trial = Trial((), 0, Spec("nowhere.db"))
    assert (trial.cost, trial.steps, trial.output()) == (0, 0, "")
