"""The benchmark: run every case under `unstuck run` and compare its diagnosis with the card.

``python zoo/run.py [--split dev|report|all] [--case PART] [--seeds 0,1,2] [--output PAGE.md]``.
With ``--records FOLDER`` the records are kept there, and those that exist are only diagnosed
again: a change of an obstacle is judged in seconds. ``--framework keras --backend
jax|torch|tensorflow`` runs the Keras cases, on a backend that is installed.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from unstuck import diagnose, registry
from unstuck.findings import Severity
from unstuck.record import RecordError, read

CASES = Path(__file__).parent / "cases"
SPLITS = {
    "report": "thresholds were never tuned on these cases",
    "dev": "obstacles and thresholds were developed on these cases",
}

FIRST_LOOKS = """\
How to read the report split: its cases come in four sets that were written without sight of the \
obstacles. What each set gave when it was first seen (seed 0), before anything was changed for it:

| set | right first | named | alarms |
|---|---|---|---|
| r (56 sick, 32 healthy) | 49 (88 %) | 49 | 1 |
| s (24 sick, 12 healthy) | 12 (50 %) | 12 | 1 |
| t (24 sick, 12 healthy), after what s had shown | 18 (75 %) | 19 | 0 |
| u (24 sick, 12 healthy), after what t had shown | 17 (71 %) | 17 | 1 |
| together | 96 of 128 (75 %) | 97 (76 %) | 3 of 68 |

These are the honest figures of versions before this one. Cases that failed and were looked at \
then moved to the development split, so the table below, of this version on the cases that stayed, \
is too good by that choice.
"""


@dataclass(frozen=True)
class Result:
    """What one run of one case gave."""

    case: str
    kind: str
    split: str
    seed: int
    accepted: tuple[str, ...]
    first: str | None
    named: tuple[str, ...]
    known_at: int | None
    steps: int
    error: str = ""

    @property
    def right(self) -> bool:
        return self.first in self.accepted

    @property
    def anywhere(self) -> bool:
        return any(name in self.accepted for name in self.named)

    @property
    def prompt(self) -> bool:
        """Whether the diagnosis stood within 50 steps or 5 % of the run, whichever is later."""
        return self.known_at is not None and self.known_at <= max(50, 0.05 * self.steps)

    @property
    def share(self) -> float:
        """Part of the run after which the diagnosis stood."""
        return ((self.known_at or 0) + 1) / max(self.steps, 1)


def seeded(source: str, seed: int) -> str:
    """Return a script whose seeds are shifted; seed 0 leaves it alone."""
    calls = r"manual_seed|set_random_seed|random\.(?:seed|set_seed|key)|default_rng|PRNGKey"
    pattern = rf"((?:{calls}|SeedGenerator)(?:_all)?\()\s*(\d+)"
    return re.sub(pattern, lambda m: f"{m[1]}{int(m[2]) + 1000 * seed}", source)


def card_of(name: str) -> dict[str, Any]:
    """Return a case's card of facts."""
    return tomllib.loads((CASES / f"{name}.toml").read_text())


class Runtime(NamedTuple):
    """What the cases are written for, and what Keras is to run on."""

    framework: str = "torch"
    backend: str = "jax"

    def __str__(self) -> str:
        keras = f"Keras trainings on {self.backend}"
        return keras if self.framework == "keras" else "PyTorch trainings"

    def title(self, title: str) -> str:
        """Return the title of a page of these cases."""
        return f"{title}, Keras on {self.backend}" if self.framework == "keras" else title

    def target(self, target: str) -> str:
        """Return what `make` is asked for that page."""
        return f"{target}-keras" if self.framework == "keras" else target

    def runs(self, card: Mapping[str, Any]) -> bool:
        """Return whether a case is for that framework and not kept from that backend."""
        if card.get("framework", "torch") != self.framework:
            return False
        return self.framework == "torch" or self.backend in card.get("backends", [self.backend])


def names_of(split: str, part: str, runtime: Runtime | None = None) -> list[str]:
    """Return the cases of a split (or of ``all``) with `part` in their name, for a framework."""
    runtime = runtime or Runtime()
    names = sorted(path.stem for path in CASES.glob("*.toml") if part in path.stem)
    cards = {name: card_of(name) for name in names}
    return [
        n for n, card in cards.items() if split in ("all", card["split"]) and runtime.runs(card)
    ]


def add_runtime(parser: argparse.ArgumentParser) -> None:
    """Let a command line say for which framework, and on what Keras runs."""
    parser.add_argument("--framework", choices=["torch", "keras"], default="torch")
    backends = ["jax", "torch", "tensorflow"]
    parser.add_argument("--backend", choices=backends, default="jax", help="of Keras")


def runtime_of(parser: argparse.ArgumentParser, options: argparse.Namespace) -> Runtime:
    """Return what a command line says of it; the children are told by their environment."""
    runtime = Runtime(options.framework, options.backend)
    if runtime.framework == "keras":
        if importlib.util.find_spec(runtime.backend) is None:
            parser.error(f"{runtime.backend} is not installed beside {sys.executable}")
        os.environ["KERAS_BACKEND"] = runtime.backend
    return runtime


def execute(source: str, *before: str) -> subprocess.CompletedProcess[str]:
    """Run a script as ``python [before…] train.py``, on one core, in a folder of its own.

    Raises:
        subprocess.TimeoutExpired: After ten minutes.
    """
    with tempfile.TemporaryDirectory() as folder:
        return execute_in(Path(folder), source, *before)


def execute_in(
    folder: Path, source: str, *before: str, seconds: float = 600
) -> subprocess.CompletedProcess[str]:
    """Do the same in a folder that stays; Keras runs on JAX unless the environment says else."""
    (folder / "train.py").write_text(source)
    environment = {"KERAS_BACKEND": "jax", **os.environ}
    environment |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    command = [sys.executable, *before, "train.py"]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=seconds
    )


def watch(name: str, seed: int, record: Path) -> str:
    """Run one case with one seed under `unstuck run`; return what went wrong, if anything."""
    source = seeded((CASES / f"{name}.py").read_text(), seed)
    try:
        done = execute(source, "-m", "unstuck", "run", "--record", str(record.absolute()))
    except subprocess.TimeoutExpired:
        return "not done after ten minutes"
    return "" if not done.returncode else (done.stderr.strip().splitlines() or ["?"])[-1]


def judge(job: tuple[str, int], records: Path) -> Result:
    """Run one case with one seed, unless its record exists, and compare it with its card."""
    name, seed = job
    card = card_of(name)
    record = records / f"{name}.{seed}.db"
    error = "" if record.exists() else watch(name, seed, record)
    try:
        recording = read(str(record))
    except RecordError as problem:
        findings, steps, error = [], 0, error or str(problem)
    else:
        findings = [f for f in diagnose(recording) if f.severity is not Severity.INFO]
        steps = max((run.steps for run in recording.runs), default=0)
    first = next((f for f in findings if f.first), None)
    return Result(
        case=name,
        kind=card["kind"],
        split=card["split"],
        seed=seed,
        accepted=tuple(card["accepted"]),
        first=first.obstacle if first else None,
        named=tuple(dict.fromkeys(f.obstacle for f in findings)),
        known_at=first.known_at if first else None,
        steps=steps,
        error=error,
    )


def table(results: Sequence[Result]) -> str:
    """Return the figures per obstacle and in all, as Markdown."""
    lines = [
        "| obstacle | runs | right first | named | known after steps | of the run "
        "| within 50 steps or 5 % |",
        "|---|---|---|---|---|---|---|",
    ]
    sick = [r for r in results if r.kind == "sick"]
    codes = {kind.name(): kind.code for kind in registry.obstacles().values()}
    early = [r for r in sick if codes[r.accepted[0]].startswith(("U1", "U2", "U3", "U8"))]
    names = sorted({r.accepted[0] for r in sick}, key=lambda name: codes[name])
    lines += [_row(name, [r for r in sick if r.accepted[0] == name]) for name in names]
    lines.append(_row("gradient flow, initialization, wiring", early))
    lines.append(_row("**all sick**", sick))
    healthy = [r for r in results if r.kind == "healthy"]
    alarms = [r for r in healthy if r.named]
    lines.append("")
    lines.append(
        f"Healthy runs: {len(healthy)}; with a warning or an error: "
        f"{_share(len(alarms), len(healthy))}."
    )
    return "\n".join(lines)


def _row(name: str, results: Sequence[Result]) -> str:
    count = len(results)
    right = [r for r in results if r.right]
    known = [r.known_at + 1 for r in right if r.known_at is not None]
    return (
        f"| {name} | {count} | {_share(len(right), count)} "
        f"| {_share(sum(r.anywhere for r in results), count)} "
        f"| {f'{median(known):.0f}' if known else '-'} "
        f"| {f'{median(r.share for r in right):.0%}' if right else '-'} "
        f"| {_share(sum(r.prompt for r in right), len(right))} |"
    )


def _share(part: int, whole: int) -> str:
    return f"{part} ({part / whole:.0%})" if whole else "-"


def failures(results: Iterable[Result]) -> list[str]:
    """Return a line for each run that was not diagnosed as its card says."""
    lines = []
    for r in results:
        if r.error:
            lines.append(f"{r.case} seed {r.seed}: fails: {r.error}")
        elif r.kind == "sick" and not r.right:
            wanted = " or ".join(r.accepted)
            named = ", ".join(r.named) or "nothing"
            lines.append(f"{r.case} seed {r.seed}: wanted {wanted}; first {r.first}; named {named}")
        elif r.kind == "healthy" and r.named:
            lines.append(f"{r.case} seed {r.seed}: healthy, but {', '.join(r.named)}")
    return lines


def page(results: Sequence[Result], seeds: str, runtime: Runtime) -> str:
    """Return the tables of both splits as a page of the docs."""
    cases = {(r.case, r.kind) for r in results}
    sick = sum(kind == "sick" for _, kind in cases)
    parts = [
        f"# {runtime.title('The zoo')}\n",
        f"{sick} sick and {len(cases) - sick} healthy {runtime}, seeds {seeds}, under "
        f"`unstuck run`; {date.today()}, {os.cpu_count()} cores. `make {runtime.target('zoo')}` "
        "makes this page anew. "
        "A run counts as right if its first diagnosis is one that the case's card accepts; a "
        "healthy run is an alarm with any warning or error. The last three columns are medians "
        "and shares of the rightly diagnosed runs.\n",
        *([FIRST_LOOKS] if runtime.framework == "torch" else []),
    ]
    parts += sections(results, table, failures, "Runs that differ from their card")
    return "\n".join(parts)


def sections(
    results: Sequence[Any],
    table: Callable[[Sequence[Any]], str],
    failures: Callable[[Sequence[Any]], Sequence[str]],
    title: str,
) -> Iterator[str]:
    """Yield the parts of a page: for each split its table, and a line for each failure."""
    for split, meaning in SPLITS.items():
        chosen = [r for r in results if r.split == split]
        if chosen:
            yield f"## Split: {split}\n\nOf this split, {meaning}.\n\n{table(chosen)}\n"
            missed = failures(chosen)
            if missed:
                yield f"{title}:\n"
                yield "\n".join(f"- {line}" for line in missed) + "\n"


def main() -> None:
    """Run the cases that the command line asks for, print and maybe write the page."""
    parser = argparse.ArgumentParser(description="Run the zoo under unstuck.")
    parser.add_argument("--split", choices=[*SPLITS, "all"], default="all")
    parser.add_argument("--case", default="", help="part of a case's name")
    parser.add_argument("--seeds", default="0", help="such as 0,1,2")
    parser.add_argument("--records", type=Path, help="keep records there, use those that exist")
    parser.add_argument("--output", type=Path, help="write the page there (Markdown)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    add_runtime(parser)
    options = parser.parse_args()
    runtime = runtime_of(parser, options)
    names = names_of(options.split, options.case, runtime)
    if not names:
        parser.error(f"no case matches {options.case!r}")
    jobs = [(name, int(seed)) for seed in options.seeds.split(",") for name in names]
    with tempfile.TemporaryDirectory() as folder:
        records = options.records or Path(folder)
        records.mkdir(parents=True, exist_ok=True)
        with ProcessPoolExecutor(options.workers) as pool:
            results = list(pool.map(partial(judge, records=records), jobs))
    text = page(sorted(results, key=lambda r: (r.case, r.seed)), options.seeds, runtime)
    print(text)
    if options.output:
        options.output.write_text(text)


if __name__ == "__main__":
    main()
