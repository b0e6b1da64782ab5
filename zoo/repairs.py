"""The benchmark of repairs: `unstuck fix` on every repairable sick case, the patch run alone.

``python zoo/repairs.py [--split dev|report|all] [--case PART] [--output PAGE.md]``. A case counts
as repaired if the patched script alone reaches what its card asks for on three seeds. With
``--records FOLDER`` what was measured is kept there: what was cut off goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

from rivals import STRATEGIES, patch
from run import (
    CASES,
    SPLITS,
    Runtime,
    add_runtime,
    card_of,
    execute_in,
    names_of,
    runtime_of,
    sections,
    seeded,
)
from verify import score

from unstuck import registry

SEEDS = (0, 1, 2)


@dataclass(frozen=True)
class Repaired:
    """What `unstuck fix` made of one case.

    Attributes:
        case: Its name.
        split: ``dev`` or ``report``.
        obstacle: What its card accepts first.
        diagnosis: The first diagnosis.
        status: Of the verdict, or the error.
        settings: Remedies with their settings.
        scores: Of the patched script alone, one per seed.
        needed: What its card asks for.
        good: Whether every seed reaches it.
        ratio: Steps of all trials over those of the bare run.
        seconds: Time that the fix took.
        patched: Whether there is a patch, and it needs no unstuck.
        rivals: Whether a rival's patch is as good, at the same cost.
    """

    case: str
    split: str
    obstacle: str
    diagnosis: str = ""
    status: str = ""
    settings: tuple[str, ...] = ()
    scores: tuple[float, ...] = ()
    needed: float = math.nan
    good: bool = False
    ratio: float = math.nan
    seconds: float = 0.0
    patched: bool = False
    rivals: Mapping[str, bool] = field(default_factory=dict)


def repair(name: str, *, records: Path | None = None, with_rivals: bool = False) -> Repaired:
    """Fix one case and run the patched script alone on every seed; so for the rivals.

    Args:
        name: Of the case.
        records: Folder in which what was measured is kept; what is there is not measured again.
        with_rivals: Whether the other strategies are to repair it as well.
    """
    card = card_of(name)
    source = (CASES / f"{name}.py").read_text()
    kept = records / f"{name}.json" if records is not None else None
    measured = json.loads(kept.read_text()) if kept is not None and kept.exists() else {}
    if not measured:
        measured = _fixed(source)
        patched = measured.get("patched", source)
        measured["scores"] = [*scores_of(patched, card)] if patched != source else []
    if with_rivals and "rivals" not in measured and "report" in measured:
        steps = measured["report"]["verdict"]["cost"]["steps"]
        measured["rivals"] = {r: _rivals(r, source, steps, card) for r in STRATEGIES}
    if kept is not None:
        kept.write_text(json.dumps(measured))
    found = Repaired(name, card["split"], card["accepted"][0], needed=card["repaired"])
    if "report" not in measured:
        return replace(found, status=measured["error"])
    verdict = measured["report"]["verdict"]
    return replace(
        found,
        diagnosis=next((f["obstacle"] for f in measured["report"]["findings"] if f["first"]), ""),
        status=verdict["status"],
        settings=tuple(verdict["settings"]),
        scores=tuple(measured["scores"]),
        good=reaches(measured["scores"], card),
        ratio=verdict["cost"]["steps_ratio"] or math.nan,
        seconds=verdict["cost"]["seconds"],
        patched=bool(verdict["patch"]) and not verdict["imports_unstuck"],
        rivals=measured.get("rivals", {}) if with_rivals else {},
    )


def _fixed(source: str) -> dict[str, Any]:
    """Return the report of `unstuck fix` on a script and the patched script, or the error."""
    command = ["-m", "unstuck", "fix", "--workers", "1", "--apply", "--format", "json"]
    command += ["--output", "fix.json"]
    with tempfile.TemporaryDirectory() as folder:
        said = ""
        try:
            said = execute_in(Path(folder), source, *command, seconds=1200).stderr.strip()
            report = json.loads((Path(folder) / "fix.json").read_text())
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            last = (said.splitlines() or [str(error)])[-1]
            return {"error": f"error: {last}"}
        return {"report": report, "patched": (Path(folder) / "train.py").read_text()}


def _rivals(rival: str, source: str, steps: float, card: Mapping[str, Any]) -> bool:
    """Return whether a rival's patch is as good as the card asks for, on every seed."""
    other = patch(rival, source, steps)
    return other != source and all(reaches(scores_of(other, card, [seed]), card) for seed in SEEDS)


def scores_of(
    source: str, card: Mapping[str, Any], seeds: Sequence[int] = SEEDS
) -> tuple[float, ...]:
    """Return the scores of a script alone, one per seed; NaN where it fails."""
    scores = []
    for seed in seeds:
        try:
            scores.append(score(seeded(source, seed), card["score"])[0])
        except (RuntimeError, subprocess.TimeoutExpired):
            scores.append(math.nan)
    return tuple(scores)


def reaches(scores: Sequence[float], card: Mapping[str, Any]) -> bool:
    """Return whether every score is what the card asks for."""
    sign = 1 if card["goal"] == "max" else -1
    return bool(scores) and all(sign * (s - card["repaired"]) >= 0 for s in scores)


def repairable(name: str) -> bool:
    """Return whether the catalogue has a remedy for one of the diagnoses that a card accepts."""
    card = card_of(name)
    known = registry.remedies()
    return card["kind"] == "sick" and any(
        remedy in known and known[remedy].applicability.value != "display"
        for obstacle in card["accepted"]
        for remedy in registry.obstacle(obstacle).remedies
    )


def table(found: Sequence[Repaired]) -> str:
    """Return the figures per obstacle and in all, as Markdown."""
    lines = [
        "| obstacle | cases | repaired | cost in steps (median) | seconds (median) "
        "| patch without unstuck |",
        "|---|---|---|---|---|---|",
    ]
    names = sorted({r.obstacle for r in found}, key=lambda name: registry.obstacle(name).code)
    if any(r.rivals for r in found):
        lines = [
            f"{line} {' | '.join(more)} |"
            for line, more in zip(lines, (STRATEGIES, ["---"] * len(STRATEGIES)), strict=True)
        ]
    groups = [(name, [r for r in found if r.obstacle == name]) for name in names]
    for name, group in [*groups, ("**all**", list(found))]:
        good = [r for r in group if r.good]
        with_patch = [r for r in group if r.scores]
        ratios = [r.ratio for r in group if not math.isnan(r.ratio)]
        lines.append(
            f"| {name} | {len(group)} | {len(good)} ({len(good) / len(group):.0%}) "
            f"| {median(ratios) if ratios else math.nan:.2f} "
            f"| {median(r.seconds for r in group):.0f} "
            f"| {sum(r.patched for r in with_patch)} of {len(with_patch)} |"
        )
        asked = [r for r in group if r.rivals]
        for rival in STRATEGIES if any(r.rivals for r in found) else ():
            better = sum(r.rivals[rival] for r in asked)
            lines[-1] += f" {better} ({better / len(asked):.0%}) |" if asked else " - |"
    return "\n".join(lines)


def page(found: Sequence[Repaired], runtime: Runtime) -> str:
    """Return the tables of both splits as a page of the docs."""
    parts = [
        f"# {runtime.title('Repairs')}\n",
        f"`unstuck fix --workers 1` on the zoo's repairable {runtime}; {date.today()}, "
        f"{os.cpu_count()} cores. A case is repaired if the patched script, run alone, reaches "
        "what its card asks for on seeds 0, 1 and 2. The cost counts the steps of every trial, the "
        "untreated ones included, as a multiple of the bare run. The last columns: random search "
        "over the same remedies and AutoTrainer's order, repaired at the same number of steps (see "
        f"zoo/rivals.py). `make {runtime.target('zoo-fix')}` makes this page anew.\n",
    ]
    parts += sections(found, table, failures, "Not repaired")
    return "\n".join(parts)


def failures(found: Sequence[Repaired]) -> list[str]:
    """Return a line for each case that was not repaired."""
    return [line(r) for r in found if not r.good]


def line(r: Repaired) -> str:
    """Return a case's outcome as one line."""
    scores = ", ".join(f"{score:.4g}" for score in r.scores) or "no patch"
    remedies = " + ".join(r.settings) or "-"
    return (
        f"{r.case} ({r.obstacle}, found {r.diagnosis or 'nothing'}): {r.status}, {remedies}; "
        f"{scores} (needs {r.needed:g}), {r.ratio:.2f} times the bare run"
    )


def main() -> None:
    """Repair the cases that the command line asks for, print and maybe write the page."""
    parser = argparse.ArgumentParser(description="Repair the zoo's cases.")
    parser.add_argument("--split", choices=[*SPLITS, "all"], default="all")
    parser.add_argument("--case", default="", help="part of a case's name")
    parser.add_argument("--obstacle", default="", help="only cases of this one")
    parser.add_argument("--output", type=Path, help="write the page there (Markdown)")
    parser.add_argument("--rivals", action="store_true", help="other strategies at the same cost")
    parser.add_argument("--records", type=Path, help="keep what is measured, use what is there")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    add_runtime(parser)
    options = parser.parse_args()
    runtime = runtime_of(parser, options)
    names = [name for name in names_of(options.split, options.case, runtime) if repairable(name)]
    names = [name for name in names if options.obstacle in card_of(name)["accepted"][0]]
    if not names:
        parser.error("no repairable case is asked for")

    def shown(name: str) -> Repaired:
        found = repair(name, records=options.records, with_rivals=options.rivals)
        print("ok  " if found.good else "    ", line(found), file=sys.stderr, flush=True)
        return found

    if options.records:
        options.records.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(options.workers) as pool:
        found = list(pool.map(shown, names))
    text = page(found, runtime)
    print(text)
    if options.output:
        options.output.write_text(text)


if __name__ == "__main__":
    main()
