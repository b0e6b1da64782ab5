"""Control and treated re-runs as separate processes, several at once.

The frameworks are imported once, in a server process that computes nothing; every trial is a fork
of it. A trial writes a record like any run, which is read while it grows.
"""

from __future__ import annotations

import ast
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from unstuck.record import RecordError, Recording, read
from unstuck.remedies import Settings
from unstuck.resume import Moment, Store, identity
from unstuck.runner import COMMAND, Spec, run_child

__all__ = [
    "Candidate",
    "Executor",
    "ExecutorError",
    "ForkExecutor",
    "LocalExecutor",
    "Target",
    "Trial",
    "ended",
]

Candidate = tuple[tuple[str, Settings], ...]
"""Remedies with their settings; empty for the control."""


ALIVE = ("running", "paused")
"""Statuses of a trial that has a process."""


class ExecutorError(RuntimeError):
    """Trials cannot be run; the message says what and what to do."""


@dataclass(frozen=True)
class Target:
    """What a trial runs: a script (or module) with its arguments, or a callable."""

    script: str
    arguments: tuple[str, ...] = ()
    module: bool = False
    call: Callable[[], object] | None = None


@dataclass(eq=False)
class Trial:
    """One training with one setting and seed, running or ended.

    Attributes:
        candidate: What is applied; empty for the control.
        seed: Shift of the script's seeds.
        spec: How it is executed.
        status: ``waiting``, ``running``, ``paused`` (it stopped itself and can go on),
            ``completed``, ``stopped`` (we ended it), ``crashed``, ``timed-out``, ``no-effect``.
        changes: What its remedies changed, with the edits that say the same.
        identity: What tells it from other trials of the fix.
        known: Moments measured before an interruption that are still to come, ascending.
        moments: Those it has passed, with those measured now.
        recalled: The moment at which it stands if that was measured before, else None.
    """

    candidate: Candidate
    seed: int
    spec: Spec
    status: str = "waiting"
    pid: int | None = None
    code: int | None = None
    changes: list[dict[str, Any]] = field(default_factory=list)
    identity: str = ""
    known: list[Moment] = field(default_factory=list, repr=False)
    moments: list[Moment] = field(default_factory=list, repr=False)
    recalled: Moment | None = None
    _read: Recording | None = field(default=None, repr=False)
    _fresh: Spec | None = field(default=None, repr=False)

    def recording(self) -> Recording | None:
        """Return what it has measured so far, None if there is nothing yet."""
        if self._read is None:
            try:
                recording = read(self.spec.record)
            except RecordError:
                return None
            if self.status == "paused":
                runs = tuple(replace(run, complete=False) for run in recording.runs)
                recording = replace(recording, runs=runs)
            killed = self.status != "paused" and self.code is None and self.recalled is None
            if self.status == "running" or killed:
                return recording  # it may write more
            self._read = recording
        return self._read

    @property
    def steps(self) -> int:
        """Steps that it has taken so far: of the run that it treats, or else of its longest."""
        recording, treated = self.recording(), self.spec.run
        runs = recording.runs if recording else ()
        own = [run.steps for run in runs if run.index == treated and run.steps]
        return max(own or [run.steps for run in runs], default=0)

    @property
    def total(self) -> int:
        """Steps that it has taken so far, over all its runs."""
        recording = self.recording()
        return sum(run.steps for run in recording.runs) if recording else 0

    @property
    def cost(self) -> int:
        """Those of them that were taken now, not before an interruption."""
        return 0 if self.recalled is not None else self.total

    def recall(self) -> None:
        """Stand at the next moment that was measured before."""
        moment = self.known.pop(0)
        self._fresh = self._fresh or self.spec
        self.spec = replace(self.spec, record=moment.record, output=moment.output)
        self.status, self.code, self.recalled, self._read = moment.status, moment.code, moment, None
        self.moments.append(moment)

    def begins_anew(self) -> None:
        """Note that it runs from the start again, to beyond the moment at which it stands."""
        steps = self.steps
        left = tuple(pause for pause in self.spec.pauses if pause > steps)
        self.spec = replace(self._fresh or self.spec, pauses=left)
        self.status, self.code, self.recalled, self._read = "waiting", None, None, None

    def goes_on(self) -> None:
        """Note that it runs (again)."""
        self.status = "running"
        self._read = None

    def output(self) -> str:
        """Return what the script printed so far."""
        if self.spec.output is None or not os.path.exists(self.spec.output):
            return ""
        shown = self.recalled.shown if self.recalled is not None else None
        return Path(self.spec.output).read_bytes()[:shown].decode(errors="replace")


class Executor(Protocol):
    """Runs trials somewhere, several at once."""

    @property
    def workers(self) -> int:
        """How many at once."""

    def start(self, trial: Trial, target: Target) -> None:
        """Begin a trial."""

    def poll(self) -> None:
        """Note which trials have ended."""

    def resume(self, trial: Trial) -> None:
        """Let a paused trial go on."""

    def kill(self, trial: Trial, status: str) -> None:
        """End a trial; its record stays."""

    def close(self) -> None:
        """End everything."""


def ended(trial: Trial, code: int) -> None:
    """Note that a trial's process has left with an exit status."""
    trial.code = code
    if trial.status in ALIVE:
        trial.status = "completed" if code == 0 else "crashed"


def _resume(trial: Trial) -> None:
    assert trial.pid is not None
    trial.goes_on()
    os.kill(trial.pid, signal.SIGCONT)


def _kill_group(pid: int) -> None:
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)


def _kill(trial: Trial, status: str) -> None:
    trial.status = status
    if trial.pid is not None:
        _kill_group(trial.pid)


class LocalExecutor:
    """Runs trials of a script on this machine, as forks of a warm server.

    Args:
        workers: How many trials run at once.
        preload: Modules that the server imports before the first fork.
        threads: Threads of one trial; None for ``OMP_NUM_THREADS``, or a share of the machine.
        variables: Environment variables that the script sets before these imports.
    """

    def __init__(
        self,
        workers: int,
        preload: Sequence[str] = (),
        threads: int | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self.workers = workers
        share = max(1, (os.cpu_count() or 1) // workers)
        count = str(threads or os.environ.get("OMP_NUM_THREADS") or share)
        # What one trial has compiled, the others need not: a step of a small model takes seconds.
        self._compiled = tempfile.TemporaryDirectory(prefix="unstuck-", ignore_cleanup_errors=True)
        environment = {
            "OMP_NUM_THREADS": count,
            "MKL_NUM_THREADS": count,
            "OPENBLAS_NUM_THREADS": count,
            "JAX_COMPILATION_CACHE_DIR": self._compiled.name,
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            **os.environ,
            "PYTHONHASHSEED": "0",
        }
        self._server = subprocess.Popen(
            [*COMMAND, "--serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if not os.environ.get("UNSTUCK_DEBUG") else None,
            env=environment,
            start_new_session=True,
        )
        assert self._server.stdout is not None
        os.set_blocking(self._server.stdout.fileno(), False)
        self._pending = b""
        self._trials: list[Trial] = []
        modules = [*preload, *_deferred(preload)]
        self._send({"environment": dict(variables or {}), "preload": modules})

    def _send(self, order: Mapping[str, Any]) -> None:
        assert self._server.stdin is not None
        try:
            self._server.stdin.write((json.dumps(order) + "\n").encode())
            self._server.stdin.flush()
        except BrokenPipeError:
            raise ExecutorError("the process that starts the trials has ended") from None

    def start(self, trial: Trial, target: Target) -> None:
        """Begin a trial."""
        self._trials.append(trial)
        trial.goes_on()
        self._send(
            {
                "job": len(self._trials) - 1,
                "spec": trial.spec.to_json(),
                "script": target.script,
                "arguments": list(target.arguments),
            }
        )

    def poll(self) -> None:
        """Note which trials have ended."""
        assert self._server.stdout is not None
        received = self._server.stdout.read() or b""
        *lines, self._pending = (self._pending + received).split(b"\n")
        for line in lines:
            answer = json.loads(line)
            trial = self._trials[answer["job"]]
            if "pid" in answer:
                trial.pid = answer["pid"]
                if trial.status not in ALIVE:  # killed before it began
                    _kill_group(answer["pid"])
            elif "paused" in answer:
                if trial.status == "running":
                    trial.status = "paused"
            else:
                ended(trial, answer["status"])
        if self._server.poll() is not None:
            for trial in self._trials:
                if trial.code is None:
                    ended(trial, -signal.SIGKILL)

    def resume(self, trial: Trial) -> None:
        """Let a paused trial go on."""
        _resume(trial)

    def kill(self, trial: Trial, status: str) -> None:
        """End a trial; its record stays."""
        _kill(trial, status)

    def close(self) -> None:
        """End everything."""
        for trial in self._trials:
            if trial.status in ALIVE:
                self.kill(trial, "stopped")
        for stream in (self._server.stdin, self._server.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        try:
            self._server.wait(timeout=2)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()
        self._compiled.cleanup()


class ForkExecutor:
    """Runs trials of a callable as forks of this very process (a notebook's case)."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._trials: list[Trial] = []

    def start(self, trial: Trial, target: Target) -> None:
        """Begin a trial."""
        assert target.call is not None
        self._trials.append(trial)
        trial.goes_on()
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            torch = sys.modules.get("torch")
            if torch is not None:
                torch.set_num_threads(1)  # a forked OpenMP pool would hang
            run_child(trial.spec, target.call)
        trial.pid = pid

    def poll(self) -> None:
        """Note which trials have ended."""
        for trial in self._trials:
            if trial.pid is not None and trial.code is None:
                with contextlib.suppress(ChildProcessError):
                    changed, status = os.waitpid(trial.pid, os.WNOHANG | os.WUNTRACED)
                    if changed and os.WIFSTOPPED(status):
                        trial.status = "paused" if trial.status == "running" else trial.status
                    elif changed:
                        ended(trial, os.waitstatus_to_exitcode(status))

    def resume(self, trial: Trial) -> None:
        """Let a paused trial go on."""
        _resume(trial)

    def kill(self, trial: Trial, status: str) -> None:
        """End a trial; its record stays."""
        _kill(trial, status)

    def close(self) -> None:
        """End everything."""
        for trial in self._trials:
            if trial.status in ALIVE:
                self.kill(trial, "stopped")
        for trial in self._trials:
            if trial.pid is not None and trial.code is None:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(trial.pid, 0)


class Laboratory:
    """A directory of trials: makes their specs, runs them in batches within a time limit.

    Args:
        executor: Runs the trials.
        target: What they run.
        deadline: When the time is used up, as `time.monotonic` counts.
        store: Where trials outlive an interruption; a temporary directory without one.
    """

    def __init__(
        self, executor: Executor, target: Target, deadline: float, store: Store | None = None
    ) -> None:
        self.executor = executor
        self.target = target
        self.deadline = deadline
        self.store = store
        self.directory = store or tempfile.TemporaryDirectory(
            prefix="unstuck-", ignore_cleanup_errors=True
        )
        self.trials: list[Trial] = []

    def trial(
        self,
        candidate: Candidate,
        seed: int,
        *,
        pauses: Sequence[int] = (),
        stop_at: int | None = None,
        control: str | None = None,
        run: int | None = None,
        sources: Mapping[str, str] | None = None,
        live: bool = True,
        budget: float = 1.0,
    ) -> Trial:
        """Return a trial that is not yet running.

        Args:
            candidate: The remedies.
            seed: Shift of the script's seeds.
            pauses: Steps after which it pauses.
            stop_at: Steps after which it ends.
            control: Record of the untreated run that a live treatment relies on.
            run: Which of its runs; the trial is then measured in steps of that run alone.
            sources: Real path of a file -> path of the file that is executed in its place.
            live: Whether the remedies are applied live, not said by `sources`.
            budget: Share of the time that watching may cost.
        """
        number = len(self.trials) if self.store is None else next(self.store.numbers)
        base = os.path.join(self.directory.name, f"trial-{number}")
        remedies = tuple((name, dict(values)) for name, values in candidate) if live else ()
        spec = Spec(
            record=f"{base}.db",
            budget=budget,
            seed=seed,
            remedies=remedies,
            control=control,
            run=run,
            sources=dict(sources or {}),
            module=self.target.module,
            trial=True,
            stop_at=stop_at,
            pauses=tuple(pauses),
            output=f"{base}.out",
        )
        made = Trial(candidate, seed, spec)
        if self.store is not None:
            made.identity = identity(candidate, spec, live=live, sources=sources)
            made.known = list(self.store.known.get(made.identity, ()))
        self.trials.append(made)
        return made

    def advance(self, trials: Sequence[Trial]) -> Iterator[Trial]:
        """Start or resume trials, as many at once as there are workers.

        One that was measured before stands at its next moment at once.

        Yields:
            Each as it pauses or ends.
        """
        waiting = list(trials)
        running: list[Trial] = []
        while waiting or running:
            while waiting and len(running) < self.executor.workers and not self.over:
                trial = waiting.pop(0)
                if trial.known and trial.status in ("waiting", "paused"):
                    trial.recall()
                    yield trial
                    continue
                self._set_off(trial)
                running.append(trial)
            time.sleep(0.01)
            self.executor.poll()
            if self.over:
                for trial in [*running, *waiting]:
                    if trial.status in ("waiting", *ALIVE):
                        self.executor.kill(trial, "timed-out")
                running, waiting = [*running, *waiting], []
            for trial in [t for t in running if t.status != "running"]:
                running.remove(trial)
                if self.store is not None:
                    self.store.keep(trial)
                yield trial

    def _set_off(self, trial: Trial) -> None:
        if trial.status == "paused" and trial.recalled is not None:
            trial.begins_anew()
        if trial.status == "waiting":
            self.executor.start(trial, self.target)
        elif trial.status == "paused":
            self.executor.resume(trial)

    def end(self, trials: Sequence[Trial]) -> None:
        """End trials that are not needed any more; their records stay."""
        for trial in trials:
            if trial.status in ALIVE:
                self.executor.kill(trial, "stopped")

    @property
    def over(self) -> bool:
        """Whether the time is used up."""
        return time.monotonic() > self.deadline

    def close(self, *, interrupted: bool = False) -> None:
        """End all trials and remove their files, unless they are to outlive an interruption."""
        self.executor.close()
        if self.store is not None and interrupted:
            self.store.leave()
        else:
            self.directory.cleanup()


PRELOADED = ("torch", "numpy", "sklearn", "pandas", "scipy", "jax", "tensorflow", "keras")
"""Packages whose import is slow and changes nothing: the server may import them ahead. None of them
computes anything then, nor starts what would not live through a fork (keras 3.15 on jax 0.10, torch
2.13 and tensorflow 2.21 were forked so)."""


DEFERRED: Mapping[str, Sequence[str]] = {
    "torch": ("torch._dynamo", "unstuck.frameworks.torch_treatment", "unstuck.patch"),
    "keras": ("unstuck.frameworks.keras",),
    "tensorflow": ("unstuck.frameworks.keras",),
}
"""What every trial would import by itself: torch's own when the first optimizer is made (a second),
the treatment and LibCST when remedies are applied (half a second), the watcher of Keras."""

_BACKEND = "KERAS_BACKEND"


def _deferred(names: Sequence[str]) -> Sequence[str]:
    roots = dict.fromkeys(name.partition(".")[0] for name in names)
    return list(dict.fromkeys(late for root in roots for late in DEFERRED.get(root, ())))


def imports(script: str) -> list[str]:
    """Return the modules of `PRELOADED` that a script imports, by reading its source."""
    tree = _parsed(script)
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.append(node.module)
    known = [name for name in dict.fromkeys(names) if name.partition(".")[0] in PRELOADED]
    if variables(script) is None:  # the backend is chosen as the script runs
        known = [name for name in known if name.partition(".")[0] not in ("keras", "tensorflow")]
    return known


def variables(script: str) -> dict[str, str] | None:
    """Return the environment variables for Keras that a script sets to a written-out text.

    None if it chooses Keras' backend in a way that only running it tells.
    """
    tree = _parsed(script)
    named = [n for n in ast.walk(tree) if isinstance(n, ast.Constant) and n.value == _BACKEND]
    chosen = [
        node.value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Subscript)
        and node.targets[0].slice in named
        and isinstance(node.value, ast.Constant)
    ]
    if not named:
        return {}
    return {_BACKEND: str(chosen[0])} if len(chosen) == len(named) == 1 else None


def _parsed(script: str) -> ast.Module:
    try:
        return ast.parse(Path(script).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return ast.Module([], [])
