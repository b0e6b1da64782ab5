"""What watching costs, side by side with what a user would use instead; writes docs/benchmarks.md.

``python benchmarks/overhead.py [--seconds 60] [--peer-seconds 10] [--training mlp]
[--peer wandb] [--keras jax] [--output PAGE]``

Arms are processes that train in turns of a fraction of a second, in random order (see
`turn_by_turn`): the bare training, the same once more as the control, and what is measured. A ratio
is the time of all turns over that of the bare arm, with a bootstrap interval over rounds; the
control's says what the machine can tell apart. Of Keras, the turns are epochs of one `fit` (see
`keras_fit`).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median

from unstuck.runner import COMMAND, Spec

HERE = Path(__file__).parent
TRAININGS = {
    "mlp": "MLP, 6 thousand parameters",
    "resnet": "ResNet, 19 convolutions, 270 thousand parameters",
    "gpt": "GPT, 4 blocks, 460 thousand parameters",
}
PEERS = {
    "unstuck": "**unstuck run**, default budget",
    "foreach_norm": "`torch._foreach_norm` of all gradients, every step",
    "snippet": "the pasted hook snippet, every step",
    "tensorboard": "TensorBoard histograms, every 100 steps",
    "wandb": '`wandb.watch(log="all", log_freq=100)`, offline',
    "torchmortem": "torchmortem, default sampling",
    "trainscope": "trainscope, default configuration",
    "traintools": "traintools `GradientHealthMonitor`, every step",
    "transformers": "transformers `DebugUnderflowOverflow`",
}
KERAS = {"jax": "JAX", "torch": "PyTorch", "tensorflow": "TensorFlow"}
TENSORFLOW = HERE.parent / ".venv-tf" / "bin" / "python"
"""What runs Keras on TensorFlow, which has an environment of its own (`make test-tensorflow`)."""
TURN = 0.25
"""Seconds of bare training in a turn."""
SAMPLES = 1000
"""Of the bootstrap."""


@dataclass
class Arm:
    """A process that trains in turns."""

    process: subprocess.Popen[str]
    record: str | None = None
    seconds: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    peak: float = 0.0

    def turn(self, steps: int) -> float:
        """Let it train some steps; return the seconds they took."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{steps}\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        self.seconds.append(answer["seconds"])
        self.processor.append(answer["processor"])
        self.peak = answer["peak"]
        return float(answer["seconds"])

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(timeout=120)


@dataclass(frozen=True)
class Measured:
    """What one measurement gave: ratios with their intervals."""

    ratio: tuple[float, float, float]
    control: tuple[float, float, float]
    processor: float
    step: float
    steps: int
    memory: float
    record: int | None


@dataclass(frozen=True)
class Fitted:
    """What one `fit` of Keras gave: ratios with their intervals, and seconds besides."""

    ratio: tuple[float, float, float]
    control: tuple[float, float, float]
    first: float
    compiling: float
    deep: int
    epoch: float


def environment() -> dict[str, str]:
    paths = [str(HERE), str(HERE.parent / "src")]
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(paths)}


def start(training: str, peer: str, folder: str) -> Arm | None:
    """Start an arm; None where it cannot be."""
    script, record = str(HERE / "turn_by_turn.py"), None
    command = [sys.executable, script, training, peer]
    if peer == "unstuck":
        record = os.path.join(folder, f"{training}.db")
        spec = Spec(record).to_json()
        command = [*COMMAND, spec, script, training, "bare"]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment(),
        cwd=folder,
    )
    assert process.stdout is not None
    if not process.stdout.readline():
        process.wait()
        return None
    return Arm(process, record)


def measure(training: str, peer: str, seconds: float, dice: random.Random) -> Measured | None:
    """Let bare, control and a peer take turns until the bare one has trained `seconds`."""
    folder = tempfile.mkdtemp(prefix="benchmark-")
    arms = {name: start(training, which, folder) for name, which in _arms(peer).items()}
    alive = {name: arm for name, arm in arms.items() if arm is not None}
    try:
        if len(alive) < len(arms):
            return None
        bare = alive["bare"]
        steps = _steps_of_a_turn(training, folder)
        while sum(bare.seconds) < seconds:
            for name in dice.sample(sorted(alive), len(alive)):
                alive[name].turn(steps)
        for arm in alive.values():
            arm.end()
        watched = alive["peer"]
        size = os.path.getsize(watched.record) if watched.record is not None else None
        return Measured(
            ratio=ratio(watched.seconds, bare.seconds, dice),
            control=ratio(alive["control"].seconds, bare.seconds, dice),
            processor=sum(watched.processor) / sum(bare.processor),
            step=sum(bare.seconds) / len(bare.seconds) / steps,
            steps=steps * len(bare.seconds),
            memory=watched.peak - bare.peak,
            record=size,
        )
    except (BrokenPipeError, json.JSONDecodeError):  # a peer that does not get through
        return None
    finally:
        for arm in alive.values():
            arm.process.kill()
        shutil.rmtree(folder, ignore_errors=True)


def fit(backend: str, seconds: float, dice: random.Random) -> Fitted | None:
    """Let the epochs of one `fit` be watched in turns; None where the backend is not there."""
    python = str(TENSORFLOW) if backend == "tensorflow" else sys.executable
    command = [python, str(HERE / "keras_fit.py"), backend, str(seconds)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, env=environment()
        )
        seen = json.loads(done.stdout.splitlines()[-1])
    except (OSError, subprocess.CalledProcessError, IndexError, json.JSONDecodeError):
        return None
    if seen["failed"] is not None:
        return None
    return Fitted(
        ratio=ratio(seen["watched"], seen["bare"], dice),
        control=ratio(seen["control"], seen["bare"], dice),
        first=seen["first"],
        compiling=seen["compiling"],
        deep=seen["deep"],
        epoch=sum(seen["bare"]) / len(seen["bare"]),
    )


def _arms(peer: str) -> dict[str, str]:
    return {"bare": "bare", "control": "bare", "peer": peer}


def _steps_of_a_turn(training: str, folder: str) -> int:
    """Return how many steps take about TURN seconds."""
    trial = start(training, "bare", folder)
    assert trial is not None
    steps, seconds = 4, 0.0
    while seconds < TURN:
        steps *= 2
        seconds = trial.turn(steps)
    trial.end()
    return max(1, round(steps * TURN / seconds))


def ratio(
    arm: Sequence[float], bare: Sequence[float], dice: random.Random
) -> tuple[float, float, float]:
    """Return the ratio of two sums of paired turns and its 95 % bootstrap interval."""
    rounds = range(len(bare))
    drawn = sorted(
        sum(arm[i] for i in chosen) / sum(bare[i] for i in chosen)
        for chosen in (dice.choices(rounds, k=len(bare)) for _ in range(SAMPLES))
    )
    return sum(arm) / sum(bare), drawn[SAMPLES // 40], drawn[-SAMPLES // 40]


def start_up(repeats: int = 15) -> dict[str, float]:
    """Return the median seconds of commands that do nearly nothing, in interleaved repeats."""
    folder = Path(tempfile.mkdtemp(prefix="benchmark-"))
    (folder / "empty.py").write_text("")
    (folder / "torch_only.py").write_text("import torch\n")
    ours = [sys.executable, "-m", "unstuck"]
    commands: Mapping[str, list[str]] = {
        "`python -c pass`": [sys.executable, "-c", "pass"],
        "`unstuck --help`": [*ours, "--help"],
        "`python empty.py`": [sys.executable, "empty.py"],
        "`unstuck run empty.py`": [*ours, "run", "empty.py"],
        "`python torch_only.py`": [sys.executable, "torch_only.py"],
        "`unstuck run torch_only.py`": [*ours, "run", "torch_only.py"],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(repeats):
        for name, command in commands.items():
            begin = time.perf_counter()
            subprocess.run(command, cwd=folder, env=environment(), capture_output=True, check=True)
            times[name].append(time.perf_counter() - begin)
    shutil.rmtree(folder)
    return {name: median(taken) for name, taken in times.items()}


def page(
    measured: Mapping[tuple[str, str], Measured | None],
    fitted: Mapping[str, Fitted | None],
    started: Mapping[str, float],
    load: float,
) -> Iterator[str]:
    """Yield the lines of docs/benchmarks.md."""
    yield "# What watching costs"
    yield ""
    yield (
        f"Measured on {date.today().isoformat()} by `make bench`: {_machine()}; load {load:.1f} "
        "when it began. Written by the command, not by hand."
    )
    yield ""
    yield from _torch(measured)
    yield from _keras(fitted)
    yield "| start-up | median of 15 |"
    yield "|---|---|"
    for name, seconds in started.items():
        yield f"| {name} | {seconds:.2f} s |"


def _torch(measured: Mapping[tuple[str, str], Measured | None]) -> Iterator[str]:
    """Yield the tables of PyTorch."""
    if not measured:
        return
    trainings = list(dict.fromkeys(training for training, _ in measured))
    peers = list(dict.fromkeys(peer for _, peer in measured))
    yield (
        "Time over that of the bare training, with the 95 % interval of a bootstrap over rounds. "
        "Each row was measured against a bare arm and a control (the bare training once more), "
        "all alive at once and taking turns of a quarter of a second in random order; one thread "
        "each. What lies within the control's interval cannot be told from nothing."
    )
    yield ""
    yield "| | " + " | ".join(TRAININGS[name] for name in trainings) + " |"
    yield "|---|" + "---|" * len(trainings)
    for peer in peers:
        cells = [_cell(measured.get((training, peer))) for training in trainings]
        yield f"| {PEERS[peer]}{_release(peer)} | " + " | ".join(cells) + " |"
    controls = [measured.get((training, peers[0])) for training in trainings]
    yield (
        "| control of the first row | "
        + " | ".join(_interval(one.control) if one else "–" for one in controls)
        + " |"
    )
    firsts = {name: measured.get((name, "unstuck")) for name in trainings}
    yield ""
    yield "| unstuck in these runs | " + " | ".join(TRAININGS[name] for name in trainings) + " |"
    yield "|---|" + "---|" * len(trainings)
    for label, shown in (
        ("a bare step", lambda m: f"{m.step * 1000:.2f} ms"),
        ("steps", lambda m: f"{m.steps}"),
        ("processor time, over bare", lambda m: f"{m.processor:.3f}"),
        ("peak memory, more than bare", lambda m: f"{m.memory:.0f} MB"),
        ("record", lambda m: f"{m.record / 1000:.0f} kB"),
    ):
        yield f"| {label} | " + " | ".join(shown(m) if m else "–" for m in firsts.values()) + " |"
    yield ""


def _keras(fitted: Mapping[str, Fitted | None]) -> Iterator[str]:
    """Yield the table of Keras."""
    if not fitted:
        return
    yield (
        "A CNN in Keras, 65 thousand parameters, batches of 32 images of 32 x 32, at the default "
        "budget: epochs of one `fit`, watched, bare and bare once more (the control) in random "
        "order. The first epoch, in which Keras compiles, is not among them; what the watcher "
        "spent in it is said below."
    )
    yield ""
    yield "| | " + " | ".join(KERAS[name] for name in fitted) + " |"
    yield "|---|" + "---|" * len(fitted)
    for label, shown in (
        ("watched", lambda f: _interval(f.ratio)),
        ("control", lambda f: _interval(f.control)),
        ("a bare epoch of 16 steps", lambda f: f"{f.epoch:.2f} s"),
        ("deep samples", lambda f: f"{f.deep}"),
        ("spent on the first epoch", lambda f: f"{f.first:.2f} s"),
        ("compiling, once", lambda f: f"{f.compiling:.1f} s"),
    ):
        cells = [shown(f) if f else "does not run here" for f in fitted.values()]
        yield f"| {label} | " + " | ".join(cells) + " |"
    yield ""


def _cell(one: Measured | None) -> str:
    return _interval(one.ratio) if one is not None else "does not run here"


def _interval(three: tuple[float, float, float]) -> str:
    digits = 3 if three[0] < 2 else 1
    return "{:.{d}f} ({:.{d}f}–{:.{d}f})".format(*three, d=digits)


def _release(peer: str) -> str:
    try:
        return f" ({version(peer)})" if peer not in ("unstuck", "snippet") else ""
    except PackageNotFoundError:
        return ""


def _machine() -> str:
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text().splitlines()
        model = next((x.partition(":")[2].strip() for x in lines if "model name" in x), model)
    python, torch = platform.python_version(), version("torch")
    return f"{model}, {os.cpu_count()} cores, Python {python}, torch {torch}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60, help="of bare training, for unstuck")
    parser.add_argument("--peer-seconds", type=float, default=10, help="the same, for each peer")
    parser.add_argument("--training", action="append", choices=TRAININGS, help="only this one")
    parser.add_argument("--peer", action="append", choices=PEERS, help="only this one")
    parser.add_argument("--keras", action="append", choices=KERAS, help="only this backend")
    parser.add_argument("--output", type=Path, help="write the page there")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    if load > 1.5:
        print(f"the load is {load:.1f}: what is measured now is not worth much", file=sys.stderr)
    dice = random.Random(0)
    measured: dict[tuple[str, str], Measured | None] = {}
    named = options.training or options.peer or options.keras  # who names some means these alone
    trainings = options.training or (TRAININGS if options.peer or not named else ())
    for peer in options.peer or PEERS:
        seconds = options.seconds if peer == "unstuck" else options.peer_seconds
        for training in trainings:
            found = measured[training, peer] = measure(training, peer, seconds, dice)
            said = f"control {_interval(found.control)}" if found else ""
            print(f"{training:8}{peer:14}{_cell(found)}   {said}", flush=True)
    fitted: dict[str, Fitted | None] = {}
    for backend in options.keras or (() if named else KERAS):
        one = fitted[backend] = fit(backend, options.seconds, dice)
        cell = _interval(one.ratio) if one else "does not run here"
        said = f"control {_interval(one.control)}" if one else ""
        print(f"{'keras':8}{backend:14}{cell}   {said}", flush=True)
    text = "\n".join(page(measured, fitted, start_up(), load)) + "\n"
    if options.output is None:
        print(text)
    else:
        options.output.write_text(text)


if __name__ == "__main__":
    main()
