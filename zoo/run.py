"""The benchmark: run every case under `unstuck run` and compare its diagnosis with the card.

``python zoo/run.py [--split dev|report|all] [--case PART] [--seeds 0,1,2] [--output TABLE.md]``
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path

CASES = Path(__file__).parent / "cases"


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


def split(name: str) -> str:
    """Return a case's split: every third by hash is for reporting only, never tuned on."""
    return "dev" if int(hashlib.sha256(name.encode()).hexdigest(), 16) % 3 else "report"


def seeded(source: str, seed: int) -> str:
    """Return a script whose seeds are shifted; seed 0 leaves it alone."""
    pattern = r"((?:manual_seed|random\.seed|default_rng)(?:_all)?\()\s*(\d+)"
    return re.sub(pattern, lambda m: f"{m[1]}{int(m[2]) + 1000 * seed}", source)


def run(job: tuple[str, int]) -> Result:
    """Run one case with one seed under `unstuck run`."""
    name, seed = job
    card = tomllib.loads((CASES / f"{name}.toml").read_text())
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "train.py"
        script.write_text(seeded((CASES / f"{name}.py").read_text(), seed))
        output = Path(folder) / "findings.json"
        command = [sys.executable, "-m", "unstuck", "run", "--format", "json"]
        done = subprocess.run(
            [*command, "--output", str(output), str(script)],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=600,
        )
        data = json.loads(output.read_text()) if output.exists() else {"findings": [], "steps": 0}
    serious = [f for f in data["findings"] if f["severity"] != "info"]
    first = next((f for f in serious if f["first"]), None)
    return Result(
        case=name,
        kind=card["kind"],
        split=split(name),
        seed=seed,
        accepted=tuple(card.get("accepted", ())),
        first=first["obstacle"] if first else None,
        named=tuple(dict.fromkeys(f["obstacle"] for f in serious)),
        known_at=first["known_at"] if first else None,
        steps=data["steps"],
        error="" if not done.returncode else (done.stderr.strip().splitlines() or ["?"])[-1],
    )


def table(results: Sequence[Result]) -> str:
    """Return the figures per obstacle and in all, as Markdown."""
    lines = [
        "| obstacle | runs | right first | named | known at (median) | within 50 steps or 5 % |",
        "|---|---|---|---|---|---|",
    ]
    sick = [r for r in results if r.kind == "sick"]
    names = sorted({r.accepted[0] for r in sick})
    lines += [_row(name, [r for r in sick if r.accepted[0] == name]) for name in names]
    lines.append(_row("**all sick**", sick))
    healthy = [r for r in results if r.kind == "healthy"]
    alarms = [r for r in healthy if r.named]
    lines.append("")
    lines.append(f"Healthy runs: {len(healthy)}, with a warning or an error: {len(alarms)}.")
    return "\n".join(lines)


def _row(name: str, results: Sequence[Result]) -> str:
    count = len(results)
    right = [r for r in results if r.right]
    known = sorted(r.known_at for r in right if r.known_at is not None)
    return (
        f"| {name} | {count} | {_share(len(right), count)} "
        f"| {_share(sum(r.anywhere for r in results), count)} "
        f"| {known[len(known) // 2] if known else '-'} "
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
            lines.append(f"{r.case} seed {r.seed}: wanted {wanted}; first {r.first}; {named}")
        elif r.kind == "healthy" and r.named:
            lines.append(f"{r.case} seed {r.seed}: healthy, but {', '.join(r.named)}")
    return lines


def main() -> None:
    """Run the cases that the command line asks for, print and maybe write the table."""
    parser = argparse.ArgumentParser(description="Run the zoo under unstuck.")
    parser.add_argument("--split", choices=["dev", "report", "all"], default="all")
    parser.add_argument("--case", default="", help="part of a case's name")
    parser.add_argument("--seeds", default="0", help="such as 0,1,2")
    parser.add_argument("--output", help="write the tables there (Markdown)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    names = sorted(path.stem for path in CASES.glob("*.toml") if options.case in path.stem)
    if options.split != "all":
        names = [name for name in names if split(name) == options.split]
    if not names:
        parser.error(f"no case matches {options.case!r}")
    jobs = [(name, int(seed)) for name in names for seed in options.seeds.split(",")]
    with ThreadPoolExecutor(options.workers) as pool:
        results = list(pool.map(run, jobs))
    parts = [f"# The zoo, {date.today()}\n", f"{os.cpu_count()} cores, seeds {options.seeds}.\n"]
    for part in ("report", "dev"):
        chosen = [r for r in results if r.split == part]
        if chosen:
            parts.append(f"## Split: {part}\n\n{table(chosen)}\n")
            missed = failures(chosen)
            parts.append("\n".join(f"- {line}" for line in missed) + "\n" if missed else "")
    text = "\n".join(parts)
    print(text)
    if options.output:
        Path(options.output).write_text(text)


if __name__ == "__main__":
    main()
