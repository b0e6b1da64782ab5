"""Trials on a Ray cluster come to the same verdict as here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scripts import DOUBLE_SOFTMAX, environment, one_line, unstuck, write
from unstuck import ray_executor
from unstuck.ray_executor import Parcel, RayExecutor, Slot, State
from unstuck.record import Recorder, read
from unstuck.runner import Spec
from unstuck.trials import ExecutorError, Laboratory, Target

CLUSTER = """\
import ray
from ray.cluster_utils import Cluster

cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
cluster.add_node(num_cpus=1)
cluster.wait_for_nodes()
print(cluster.address, flush=True)
input()
cluster.shutdown()
"""
"""A cluster of two nodes; says its address, ends with a line of input."""

FIX = ("fix", "--format", "json", "--output", "found.json")


def found(folder: Path) -> Any:
    return json.loads((folder / "found.json").read_text())["verdict"]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[str]:
    """The address of a cluster of two nodes."""
    process = subprocess.Popen(
        [sys.executable, "-c", CLUSTER],
        cwd=tmp_path,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    lines = iter(process.stdout.readline, "")
    yield next(line.strip() for line in lines if line.count(":") == 1)
    process.communicate("\n", timeout=60)


def test_same_verdict_on_two_nodes(tmp_path: Path, cluster: str) -> None:
    pytest.importorskip("ray")
    write(tmp_path, DOUBLE_SOFTMAX.replace("import nn", "import nn\nimport helper"))
    write(tmp_path, "import torch\n", "helper.py")
    here = unstuck(*FIX, "train.py", cwd=tmp_path, timeout=300)
    assert here.returncode == 0, here.stderr
    local = found(tmp_path)
    (tmp_path / "found.json").unlink()
    there = unstuck(
        *FIX, "--executor", "ray", "--ray-address", cluster, "train.py", cwd=tmp_path, timeout=300
    )
    assert there.returncode == 0, there.stderr
    remote = found(tmp_path)
    assert remote["status"] == "fixed"
    for name in ("status", "settings", "patch", "p_value"):
        assert remote[name] == local[name]
    assert remote["objective"]["after"] == pytest.approx(local["objective"]["after"], rel=1e-3)


def test_ray_that_is_missing_is_said_in_one_line(tmp_path: Path) -> None:
    write(tmp_path, DOUBLE_SOFTMAX)
    folder = tmp_path / "without"
    folder.mkdir()
    write(folder, "raise ImportError('no ray')\n", "ray.py")
    paths = os.pathsep.join([str(folder), environment()["PYTHONPATH"]])
    completed = unstuck(
        "fix", "--executor", "ray", "train.py", cwd=tmp_path, env={"PYTHONPATH": paths}
    )
    assert "pip install 'unstuck[ray]'" in one_line(completed)


def test_address_without_ray(tmp_path: Path) -> None:
    write(tmp_path, DOUBLE_SOFTMAX)
    completed = unstuck("fix", "--ray-address", "auto", "train.py", cwd=tmp_path)
    assert "--executor ray" in one_line(completed)


# ------------------------------------------------------------------ a node of its own file system

GONE = "/nowhere/at/all"
"""The driver's folder, which the node does not have."""
SCRIPT = DOUBLE_SOFTMAX.replace("import nn", "import nn\nfrom parts.loss import criterion")
SCRIPT = SCRIPT.replace("criterion = nn.CrossEntropyLoss()\n", "").encode()
SOURCES = {
    f"{GONE}/train.py": SCRIPT,
    f"{GONE}/parts/loss.py": b"from torch import nn\n\ncriterion = nn.CrossEntropyLoss()\n",
}


@pytest.fixture
def slot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Slot]:
    monkeypatch.chdir(tmp_path)
    made = Slot(["torch"], GONE)
    yield made
    made.close()


def parcel(script: str, **spec: Any) -> Parcel:
    asked = Spec(f"{GONE}/trial.db", seed=0, trial=True, output=f"{GONE}/trial.out", **spec)
    return Parcel(asked, script, f"{GONE}/train.py", ("--fast",), GONE, SOURCES)


def next_state(slot: Slot) -> State:
    end = time.monotonic() + 120
    while time.monotonic() < end:
        states = slot.poll()
        if states:
            return states[0]
        time.sleep(0.02)
    raise AssertionError("nothing came")


@pytest.mark.parametrize(("script", "module"), [("train.py", False), ("train", True)])
def test_node_without_the_files_trains_all_the_same(
    slot: Slot, tmp_path: Path, script: str, module: bool
) -> None:
    slot.start(0, parcel(script, module=module, pauses=(8,)))
    paused = next_state(slot)
    assert (paused.status, paused.code) == ("paused", None)
    record = tmp_path / "came.db"
    assert paused.record is not None
    record.write_bytes(paused.record)
    run = read(record).runs[0]
    assert run.steps == 8
    assert run.optimizer.location is not None
    assert run.optimizer.location.file == f"{GONE}/train.py"
    assert run.optimizer.variable == "optimizer"
    slot.resume(0)
    done = next_state(slot)
    assert (done.status, done.code) == ("completed", 0)
    assert b"loss: " in done.output
    assert done.record is not None
    record.write_bytes(done.record)
    assert read(record).runs[0].steps == 60


def test_killed_trial_sends_what_it_has(slot: Slot) -> None:
    slot.start(3, parcel("train.py", pauses=(8,)))
    assert next_state(slot).job == 3
    killed = slot.kill(3)
    assert (killed.status, killed.record is not None) == ("stopped", True)
    assert slot.poll() == []


# ------------------------------------------------------------------ a cluster that loses nodes


class LostError(Exception):
    """What a call to a lost actor raises."""


@dataclass(frozen=True, eq=False)
class Answer:
    """What a call to an actor gives, like an ObjectRef."""

    node: Node
    value: Any


class Node:
    """An actor whose trials take their steps at once; it may be lost."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lost = False
        self.parcels: dict[int, Parcel] = {}
        self.at: dict[int, int] = {}
        self.states: list[State] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            raise AttributeError(name)

        class Method:
            @staticmethod
            def remote(*arguments: Any) -> Any:
                return Answer(self, None if self.lost else getattr(self, f"do_{name}")(*arguments))

        return Method

    def do_start(self, job: int, parcel: Parcel) -> None:
        self.parcels[job], self.at[job] = parcel, 0
        self.do_resume(job)

    def do_resume(self, job: int) -> None:
        pauses = [p for p in self.parcels[job].spec.pauses if p > self.at[job]]
        steps = self.at[job] = pauses[0] if pauses else 100
        recorder = Recorder(self.folder / f"{id(self)}.db")
        loss = recorder.source(0, "", ["loss"])
        for step in range(steps):
            recorder.append(loss, step, 1.0)
        recorder.close()
        status, code = ("paused", None) if pauses else ("completed", 0)
        self.states.append(State(job, status, code, recorder.path.read_bytes(), b"said"))

    def do_poll(self) -> list[State]:
        states, self.states = self.states, []
        return states

    def do_kill(self, job: int) -> None: ...

    def do_close(self) -> None: ...


class Ray:
    """As much of Ray as the executor uses, with two nodes."""

    class exceptions:  # noqa: N801
        RayActorError = RayError = LostError

    def __init__(self, folder: Path) -> None:
        self.nodes = [Node(folder), Node(folder)]
        self._left = list(self.nodes)

    def is_initialized(self) -> bool:
        return True

    def cluster_resources(self) -> dict[str, float]:
        return {"CPU": 2.0}

    def remote(self, **options: Any) -> Any:
        assert options["num_cpus"] == 1
        left = self._left

        class Kind:
            @staticmethod
            def remote(*arguments: Any) -> Node:
                return left.pop(0)

        return lambda slot: Kind

    def wait(self, looks: list[Any], **options: Any) -> tuple[list[Any], list[Any]]:
        return looks, []

    def get(self, look: Any, timeout: float = 0) -> Any:
        if look.node.lost:
            raise LostError
        return look.value

    def kill(self, node: Node) -> None: ...


@pytest.fixture
def ray(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ray:
    made = Ray(tmp_path)
    monkeypatch.setattr(ray_executor, "_ray", lambda: made)
    monkeypatch.setattr(ray_executor, "REST", 0.0)
    return made


def test_trials_of_a_lost_node_begin_anew_elsewhere(tmp_path: Path, ray: Ray) -> None:
    target = Target(str(write(tmp_path, "print()\n")))
    executor = RayExecutor(None)
    assert executor.workers == 2
    laboratory = Laboratory(executor, target, time.monotonic() + 60)
    trials = [laboratory.trial((), seed, pauses=(10, 40)) for seed in range(2)]
    list(laboratory.advance(trials))
    assert [(t.status, t.steps, t.output()) for t in trials] == [("paused", 10, "said")] * 2
    assert [len(node.parcels) for node in ray.nodes] == [1, 1]
    ray.nodes[0].lost = True
    for steps, status in ((40, "paused"), (100, "completed")):
        list(laboratory.advance(trials))
        assert [(t.status, t.steps) for t in trials] == [(status, steps)] * 2
    assert len(ray.nodes[1].parcels) == 2
    assert executor.workers == 1
    laboratory.close()


def test_no_node_left(tmp_path: Path, ray: Ray) -> None:
    target = Target(str(write(tmp_path, "print()\n")))
    laboratory = Laboratory(RayExecutor(1), target, time.monotonic() + 60)
    trial = laboratory.trial((), 0, pauses=(10,))
    list(laboratory.advance([trial]))
    ray.nodes[0].lost = True
    with pytest.raises(ExecutorError, match="every worker of the Ray cluster was lost"):
        list(laboratory.advance([trial]))
    laboratory.close()
