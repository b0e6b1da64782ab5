"""The benchmark of repairs: `unstuck fix` on every repairable sick case, the patch run alone.

``python zoo/repairs.py [--split dev|report|all] [--case PART] [--output PAGE.md]``. A case counts
as repaired if the patched script alone reaches what its card asks for on three seeds.
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
from run import CASES, SPLITS, card_of, execute_in, names_of, sections, seeded
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


def repair(name: str, arguments: Sequence[str] = (), *, with_rivals: bool = False) -> Repaired:
    """Fix one case and run the patched script alone on every seed; so for the rivals."""
    card = card_of(name)
    found = Repaired(name, card["split"], card["accepted"][0], needed=card["repaired"])
    source = (CASES / f"{name}.py").read_text()
    command = ["-m", "unstuck", "fix", "--workers", "1", "--apply", "--format", "json"]
    command += ["--output", "fix.json", *arguments]
    with tempfile.TemporaryDirectory() as folder:
        said = ""
        try:
            said = execute_in(Path(folder), source, *command, seconds=1200).stderr.strip()
            report = json.loads((Path(folder) / "fix.json").read_text())
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            last = (said.splitlines() or [str(error)])[-1]
            return replace(found, status=f"error: {last}")
        patched = (Path(folder) / "train.py").read_text()
    verdict = report["verdict"]
    first = next((f["obstacle"] for f in report["findings"] if f["first"]), "")
    scores = scores_of(patched, card) if patched != source else ()
    cost = verdict["cost"]
    rivals = {}
    for rival in STRATEGIES if with_rivals else ():
        other = patch(rival, source, cost["steps"])
        rivals[rival] = other != source and reaches(scores_of(other, card), card)
    return Repaired(
        name,
        card["split"],
        card["accepted"][0],
        first,
        verdict["status"],
        tuple(verdict["settings"]),
        scores,
        card["repaired"],
        reaches(scores, card),
        cost["steps_ratio"] or math.nan,
        cost["seconds"],
        bool(verdict["patch"]) and not verdict["imports_unstuck"],
        rivals,
    )


def scores_of(source: str, card: Mapping[str, Any]) -> tuple[float, ...]:
    """Return the scores of a script alone, one per seed; NaN where it fails."""
    scores = []
    for seed in SEEDS:
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


def page(found: Sequence[Repaired]) -> str:
    """Return the tables of both splits as a page of the docs."""
    parts = [
        "# Repairs\n",
        f"`unstuck fix --workers 1` on the zoo's repairable cases; {date.today()}, "
        f"{os.cpu_count()} cores. A case is repaired if the patched script, run alone, reaches "
        "what its card asks for on seeds 0, 1 and 2. The cost counts the steps of every trial, the "
        "untreated ones included, as a multiple of the bare run. The last columns: random search "
        "over the same remedies and AutoTrainer's order, repaired at the same number of steps (see "
        "zoo/rivals.py). `make zoo-fix` makes this page anew.\n",
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
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    names = [name for name in names_of(options.split, options.case) if repairable(name)]
    names = [name for name in names if options.obstacle in card_of(name)["accepted"][0]]
    if not names:
        parser.error("no repairable case is asked for")

    def shown(name: str) -> Repaired:
        found = repair(name, with_rivals=options.rivals)
        print("ok  " if found.good else "    ", line(found), file=sys.stderr, flush=True)
        return found

    with ThreadPoolExecutor(options.workers) as pool:
        found = list(pool.map(shown, names))
    text = page(found)
    print(text)
    if options.output:
        options.output.write_text(text)


if __name__ == "__main__":
    main()
