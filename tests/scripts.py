"""Runs the real command and small training scripts in processes of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import unstuck as unstuck_package

Completed = subprocess.CompletedProcess[str]

MLP = """\
import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(128, 8)
y = (x.sum(1) > 0).long()
model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
criterion = nn.CrossEntropyLoss()
for epoch in range(15):
    for rows in torch.randperm(128).split(32):
        optimizer.zero_grad()
        loss = criterion(model(x[rows]), y[rows])
        loss.backward()
        optimizer.step()
print(f"loss: {loss.item():.4f}")
"""
"""Sixty healthy steps."""

DOUBLE_SOFTMAX = MLP.replace("nn.Linear(16, 2))", "nn.Linear(16, 2), nn.Softmax(dim=1))")
"""The same with a mistake that is found and cured at once."""

DIES = MLP + 'raise ValueError("the disk is full")\n'

ENDLESS = MLP.replace("range(15)", "range(10**9)")

DONE = """\

import hashlib, io
digest = hashlib.sha256()
for tensor in model.state_dict().values():
    digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
digest.update(str(torch.rand(3).tolist()).encode())
print("weights", digest.hexdigest())
"""
"""Appended to a script: prints a hash of the final weights and of where the random stream is."""


def write(folder: Path, source: str, name: str = "train.py") -> Path:
    """Write a script and return its path."""
    path = folder / name
    path.write_text(source)
    return path


def environment(**more: str) -> dict[str, str]:
    """Return this process's environment without what colours or slows down.

    Children use the same sources of unstuck as this process.
    """
    dropped = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "UNSTUCK_DEBUG", "PYTHONPATH")
    kept = {key: value for key, value in os.environ.items() if key not in dropped}
    sources = str(Path(unstuck_package.__file__).parents[1])
    return {**kept, "OMP_NUM_THREADS": "1", "PYTHONPATH": sources, **more}


def python(
    *arguments: object,
    cwd: Path,
    timeout: float = 120,
    env: Mapping[str, str] | None = None,
    given: str | None = None,
) -> Completed:
    """Run this Python with `arguments` in `cwd`; `given` is its standard input."""
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=cwd,
        env=environment(**(env or {})),
        input=given,
        stdin=subprocess.DEVNULL if given is None else None,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def unstuck(*arguments: object, cwd: Path, **more: Any) -> Completed:
    """Run the real command."""
    return python("-m", "unstuck", *arguments, cwd=cwd, **more)


def twice(script: Path, record: str = "run.db") -> tuple[Completed, Completed]:
    """Run a script alone and watched, as two forks of one process, which imports torch once.

    The watched one may spend ten times its own time: as many steps as possible are seen in depth.
    """
    alone, watched = forked(script, {"run": ""})
    for suffix in ("", "-wal", "-shm"):
        if (written := script.parent / "run" / f"run.db{suffix}").exists():
            written.rename(script.parent / f"{record}{suffix}")
    return alone, watched


def forked(script: Path, before: Mapping[str, str]) -> list[Completed]:
    """Run a script alone, then watched once for each name in `before`, whose source runs first.

    All are forks of one process, which imports torch once. Each has a directory of its own, in
    which the watched ones find ``run.db``; what comes before knows the script's directory as HERE.
    """
    for name, source in before.items():
        (script.parent / name).mkdir()
        (script.parent / name / "before.py").write_text(source)
    (script.parent / "alone").mkdir()
    done = python(__file__, script, *before, cwd=script.parent, timeout=240)
    assert done.returncode == 0, done.stderr
    return [
        Completed(name, int(status), *((script.parent / f"{name}.{n}").read_text() for n in (1, 2)))
        for name, status in zip(["alone", *before], done.stdout.split(), strict=True)
    ]


def _run_forked(script: str, *names: str) -> None:
    import runpy

    from unstuck.runner import Spec, execute

    def alone() -> int:
        sys.argv, sys.path[0] = [script], os.path.dirname(script)
        try:
            runpy.run_path(script, run_name="__main__")
        except Exception:
            sys.excepthook(*sys.exc_info())
            return 1
        return 0

    def watched() -> int:
        spec = Spec(os.path.abspath("run.db"), budget=10.0)
        exec(Path("before.py").read_text(), {})
        return execute(spec, script)

    for name in ("alone", *names):
        pid = os.fork()
        if pid == 0:
            for number in (1, 2):
                file = os.path.join(os.path.dirname(script), f"{name}.{number}")
                os.dup2(os.open(file, os.O_RDWR | os.O_CREAT), number)
            os.chdir(os.path.join(os.path.dirname(script), name))
            status = 1
            try:
                status = alone() if name == "alone" else watched()
                sys.stdout.flush()
            finally:
                os._exit(status)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


def begin(*arguments: object, cwd: Path) -> subprocess.Popen[str]:
    """Start Python in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        cwd=cwd,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def interrupt(process: subprocess.Popen[str], number: int = signal.SIGINT) -> tuple[str, str]:
    """Signal a whole process group as a terminal's Ctrl-C does; return what it printed."""
    os.killpg(process.pid, number)
    return process.communicate(timeout=60)


def wait_for(path: Path, seconds: float = 60) -> None:
    """Wait until `path` exists."""
    end = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < end, f"{path} did not appear"
        time.sleep(0.02)


def strict(text: str) -> Any:
    """Read JSON in which NaN and Infinity are errors."""

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


def ours(text: str) -> list[str]:
    """Return the lines that unstuck itself said."""
    return [line for line in text.splitlines() if line.startswith("unstuck:")]


def one_line(completed: Completed, status: int = 2) -> str:
    """Assert that a command failed with one clear line and no traceback; return the line."""
    assert completed.returncode == status, completed.stderr
    assert "Traceback" not in completed.stderr
    said = completed.stderr.strip().splitlines()
    assert len(said) == 1, completed.stderr
    assert said[0].startswith("unstuck: ")
    return said[0]


if __name__ == "__main__":
    _run_forked(*sys.argv[1:])
