"""Trials on the nodes of a Ray cluster.

One actor per worker slot runs the warm server of trials on its node. The script, the modules beside
it, patched sources and the control's record are sent over; record and output come back at each
pause and at the end, so that nodes need not share a file system. Nodes need unstuck and what the
script imports; data that the script reads has to be where it looks for them.
"""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from unstuck.record import RecordError, snapshot
from unstuck.resume import local_sources
from unstuck.runner import Spec
from unstuck.trials import ALIVE, ExecutorError, LocalExecutor, Target, Trial, ended

__all__ = ["Parcel", "RayExecutor", "Slot", "State"]

PATIENCE = 60.0
"""Seconds to wait for the first free slot of a cluster."""
REST = 0.02
"""Seconds between two looks at a slot."""


@dataclass(frozen=True)
class Parcel:
    """What a node needs to run a trial.

    Attributes:
        spec: How it is executed; its paths are those of the driver.
        script: Path as it was given, or name of the module.
        path: Real path of the script on the driver.
        arguments: Of the script.
        folder: The driver's working directory.
        sources: Path on the driver of a file -> what is executed in its place.
        control: The untreated run's record, if a treatment needs it.
    """

    spec: Spec
    script: str
    path: str
    arguments: tuple[str, ...]
    folder: str
    sources: Mapping[str, bytes]
    control: bytes | None = None


@dataclass(frozen=True)
class State:
    """What has become of a trial on its node.

    Attributes:
        job: Its number.
        status: ``paused``, ``completed``, ``crashed``, ``stopped``.
        code: Exit status, if it has ended.
        record: The record, None if there is none.
        output: What the script printed.
    """

    job: int
    status: str
    code: int | None
    record: bytes | None
    output: bytes


class Slot:
    """Trials on the node where this object lives, one running at a time as a rule.

    Args:
        preload: Modules that the server imports before the first trial.
        folder: The driver's working directory, used where it exists on this node.
    """

    def __init__(self, preload: Sequence[str], folder: str) -> None:
        self._directory = tempfile.TemporaryDirectory(
            prefix="unstuck-ray-", ignore_cleanup_errors=True
        )
        os.chdir(folder if os.path.isdir(folder) else self._directory.name)
        self._executor = LocalExecutor(1, preload, threads=1)
        self._trials: dict[int, Trial] = {}
        self._told: dict[int, str] = {}

    def start(self, job: int, parcel: Parcel) -> None:
        """Begin a trial."""
        base = Path(self._directory.name) / f"trial-{job}"
        sources = {}
        for number, (path, text) in enumerate(parcel.sources.items()):
            copy = base.with_suffix(f".{number}.py")
            copy.write_bytes(text)
            sources[path] = str(copy)
        control = base.with_suffix(".control.db")
        if parcel.control is not None:
            control.write_bytes(parcel.control)
        spec = replace(
            parcel.spec,
            record=f"{base}.db",
            output=f"{base}.out",
            control=str(control) if parcel.control is not None else None,
            sources=sources,
            folder=parcel.folder,
        )
        trial = self._trials[job] = Trial((), spec.seed or 0, spec)
        self._told[job] = "running"
        target = Target(_known_here(parcel), parcel.arguments, parcel.spec.module)
        self._executor.start(trial, target)

    def poll(self) -> list[State]:
        """Return the trials that have paused or ended since the last call."""
        self._executor.poll()
        changed = [j for j, t in self._trials.items() if t.status != self._told[j]]
        return [self._state(job) for job in changed if self._trials[job].status != "running"]

    def resume(self, job: int) -> None:
        """Let a paused trial go on."""
        self._told[job] = "running"
        self._executor.resume(self._trials[job])

    def kill(self, job: int) -> State:
        """End a trial; return what it has measured."""
        self._executor.kill(self._trials[job], "stopped")
        return self._state(job)

    def close(self) -> None:
        """End everything."""
        self._executor.close()
        self._directory.cleanup()

    def _state(self, job: int) -> State:
        trial = self._trials[job]
        self._told[job] = trial.status
        output = Path(str(trial.spec.output))
        shown = output.read_bytes() if output.exists() else b""
        return State(job, trial.status, trial.code, _packed(trial.spec.record), shown)


def _known_here(parcel: Parcel) -> str:
    """Return the script as this node can name it: as it was given if it is there."""
    if parcel.spec.module or os.path.exists(parcel.script):
        return parcel.script
    return parcel.path


def _packed(record: str) -> bytes | None:
    """Return a record as one plain file, None if there is none."""
    copy = Path(f"{record}.copy")
    try:
        snapshot(record, copy)
        return copy.read_bytes()
    except (RecordError, OSError):
        return None
    finally:
        copy.unlink(missing_ok=True)


def _parcel(trial: Trial, target: Target) -> Parcel:
    texts = {str(path): path for path in local_sources(target.script, target.module)}
    texts |= {path: Path(copy) for path, copy in trial.spec.sources.items()}
    return Parcel(
        spec=trial.spec,
        script=target.script,
        path=os.path.realpath(target.script),
        arguments=target.arguments,
        folder=os.path.realpath("."),
        sources={path: file.read_bytes() for path, file in texts.items()},
        control=_packed(trial.spec.control) if trial.spec.control is not None else None,
    )


class RayExecutor:
    """Runs trials of a script on a Ray cluster.

    Args:
        workers: Trials at once at most; None for as many as the cluster has CPUs, or GPUs if it
            has any.
        preload: Modules that the nodes import before the first trial.
        address: Of the cluster; None for ``RAY_ADDRESS``, or else a local one that ends with this.

    Raises:
        ExecutorError: When Ray is missing, the cluster cannot be reached or has no free CPU.
    """

    def __init__(
        self, workers: int | None, preload: Sequence[str] = (), address: str | None = None
    ) -> None:
        self._ray = _ray()
        self._began = _connect(self._ray, workers, address)
        self._trials: list[Trial] = []
        self._place: dict[int, Any] = {}
        self._target: Target | None = None
        self._looked = 0.0
        self._ready: list[Any] = []
        self._looks: dict[Any, Any] = {}
        try:
            self._hire(workers, preload)
        except BaseException:
            self.close()
            raise

    def _hire(self, workers: int | None, preload: Sequence[str]) -> None:
        """Ask for the slots, wait for the first one."""
        resources = self._ray.cluster_resources()
        cards = int(resources.get("GPU", 0))
        room = max(1, cards or int(resources.get("CPU", 1)))
        kind = self._ray.remote(num_cpus=1, num_gpus=int(cards > 0), scheduling_strategy="SPREAD")(
            Slot
        )
        for _ in range(min(workers or room, room)):
            slot = kind.remote(list(preload), os.path.realpath("."))
            self._looks[slot] = slot.poll.remote()
        self._await_slot()

    def _await_slot(self) -> None:
        """Wait until a slot is ready."""
        while not self._ready:
            if not self._looks:
                raise ExecutorError("every worker of the Ray cluster was lost")
            answered, _ = self._ray.wait(list(self._looks.values()), timeout=PATIENCE)
            if not answered:
                raise ExecutorError("no CPU of the Ray cluster is free")
            self._looked = 0.0
            self.poll()

    @property
    def workers(self) -> int:
        """How many trials run at once: as many as there are slots by now."""
        return max(1, len(self._ready))

    def start(self, trial: Trial, target: Target) -> None:
        """Begin a trial."""
        self._target = target
        self._trials.append(trial)
        self._send(len(self._trials) - 1)

    def _send(self, job: int) -> None:
        """Send a trial to the slot that has least to do."""
        self._await_slot()
        assert self._target is not None
        trial = self._trials[job]
        busy = [self._place.get(j) for j, t in enumerate(self._trials) if t.status == "running"]
        held = [self._place.get(j) for j, t in enumerate(self._trials) if t.status in ALIVE]
        slot = min(self._ready, key=lambda slot: (busy.count(slot), held.count(slot)))
        trial.goes_on()
        self._place[job] = slot
        slot.start.remote(job, _parcel(trial, self._target))

    def poll(self) -> None:
        """Note which trials have paused or ended."""
        if time.monotonic() < self._looked + REST:
            return
        self._looked = time.monotonic()
        looks = {look: slot for slot, look in self._looks.items()}
        answered, _ = self._ray.wait(list(looks), num_returns=len(looks), timeout=0)
        for look in answered:
            slot = looks[look]
            try:
                states = self._ray.get(look)
            except self._ray.exceptions.RayActorError:
                self._lose(slot)
                continue
            if slot not in self._ready:
                self._ready.append(slot)
            for state in states:
                self._note(state)
            self._looks[slot] = slot.poll.remote()

    def _note(self, state: State) -> None:
        trial = self._trials[state.job]
        if state.status == "stopped" or trial.status not in ALIVE:
            trial.code = trial.code if state.code is None else state.code
            return
        _receive(trial, state)
        if state.status == "paused":
            trial.status = "paused"
        else:
            ended(trial, state.code or 0)

    def _lose(self, slot: Any) -> None:
        """Begin a lost slot's trials anew elsewhere; paused ones when they are to go on."""
        self._looks.pop(slot)
        self._ready = [other for other in self._ready if other is not slot]
        lost = [job for job, place in self._place.items() if place is slot]
        for job in lost:
            del self._place[job]
        for job in lost:
            if self._trials[job].status == "running":
                self._again(job)

    def _again(self, job: int) -> None:
        """Begin a trial anew; it does not pause where it paused before."""
        trial = self._trials[job]
        trial.goes_on()
        steps = trial.steps
        left = tuple(pause for pause in trial.spec.pauses if pause > steps)
        trial.spec = replace(trial.spec, pauses=left)
        self._send(job)

    def resume(self, trial: Trial) -> None:
        """Let a paused trial go on."""
        job = self._trials.index(trial)
        if job not in self._place:
            self._again(job)
            return
        trial.goes_on()
        self._place[job].resume.remote(job)

    def kill(self, trial: Trial, status: str) -> None:
        """End a trial; what it has measured stays."""
        was, trial.status = trial.status, status
        job = self._trials.index(trial) if trial in self._trials else None
        if job is None or job not in self._place:
            return
        ending = self._place[job].kill.remote(job)
        if was == "running":  # a paused one has sent everything
            with contextlib.suppress(self._ray.exceptions.RayError):
                _receive(trial, self._ray.get(ending, timeout=PATIENCE))

    def close(self) -> None:
        """End everything; a cluster that was there before stays."""
        with contextlib.suppress(self._ray.exceptions.RayError):
            closing = [slot.close.remote() for slot in self._ready]
            if closing:
                self._ray.wait(closing, num_returns=len(closing), timeout=5)
        for slot in self._looks:
            with contextlib.suppress(self._ray.exceptions.RayError):
                self._ray.kill(slot)
        if self._began:
            self._ray.shutdown()


def _receive(trial: Trial, state: State) -> None:
    """Write what came back where the trial would have written it here."""
    for path, data in ((trial.spec.record, state.record), (trial.spec.output, state.output)):
        if path is not None and data is not None:
            draft = Path(f"{path}.draft")
            draft.write_bytes(data)
            draft.replace(path)


def _ray() -> Any:
    try:
        import ray
    except ImportError:
        raise ExecutorError(
            "--executor ray needs Ray, which is not installed: pip install 'unstuck[ray]'"
        ) from None
    return ray


def _connect(ray: Any, workers: int | None, address: str | None) -> bool:
    """Connect to a cluster; return whether the connection is ours to end."""
    if ray.is_initialized():
        return False
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is reported to anybody
    address = address or os.environ.get("RAY_ADDRESS") or "local"
    local = {"include_dashboard": False, "num_cpus": workers} if address == "local" else {}
    try:
        ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False, **local)
    except (ConnectionError, ValueError, RuntimeError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ExecutorError(f"the Ray cluster at {address} cannot be used: {reason}") from None
    return True
