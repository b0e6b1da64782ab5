"""Checks the lecture's claims with `unstuck compare` and makes their page.

``python claims/run.py [--claim PART] [--seeds N] [--outcomes FILE.json] [--output PAGE.md]``.
With ``--outcomes`` what came out is kept there, and claims found there are not run again.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from pathlib import Path

import torch
from bench import SEEDS, Bench, Outcome
from lecture import CLAIMS

CHANGED = """
## Changed after a first look

Criteria stand as they were written, with these exceptions:

- *Full batch:* the best rate is the one whose worst seed is best, not the best median: by median \
a rate was chosen at which one of three seeds diverged, and the verdict was *false*. The full \
batch's rates became 0.3, 0.5, 1 instead of 0.3, 1, 3. The same choice of rates holds for Adam.
- *Noisier:* measured against the exact gradient; the record had no cosines for so short a run.
- *Zig-zag:* the valley's learning rate went from 0.245 to 0.248, so that the zig-zag lasts.
- *Steadier:* a loss that is no number counts as a rise. It was left out at first, which made a \
run that was lost look steady, and the verdict was *only under conditions*.
"""


def machine() -> str:
    """Return what the claims were checked on."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    model = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), "")
    kind = model or platform.machine()
    return f"{os.cpu_count()} cores ({kind}), PyTorch {torch.__version__}"


def page(outcomes: Mapping[str, Outcome], seeds: int, seconds: float, *, resumed: bool) -> str:
    """Return table and paragraphs as Markdown."""
    known = [(claim, outcomes[claim.name]) for claim in CLAIMS if claim.name in outcomes]
    counts = {
        verdict: sum(outcome.verdict == verdict for _, outcome in known)
        for verdict in ("confirmed", "only under conditions", "false")
    }
    listed = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    parts = [
        "# The lecture's claims\n",
        "unstuck grew out of a lecture on what stops a neural network from training. Each of its "
        "claims is checked here on data that scikit-learn ships, with `unstuck compare` and the "
        "signals of its records. What would confirm a claim was written down before the first "
        f"run, with the exceptions at the end. {listed}. Figures "
        f"are medians over {seeds} seeds (smallest–largest); *proven* is the exact permutation "
        "test at 5 %. `make claims` makes this page anew.\n",
        f"{date.today()}, {machine()}, {seconds / 60:.0f} minutes"
        f"{', put together from several runs' if resumed else ''}.\n",
        "| claim | compared | figure | verdict |",
        "|---|---|---|---|",
    ]
    for claim, outcome in known:
        row = (claim.statement, outcome.compared, outcome.figure, f"**{outcome.verdict}**")
        parts.append(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |")
    for claim, outcome in known:
        scripts = ", ".join(f"[{s}.py](../claims/{s}.py)" for s in claim.scripts) or "none"
        parts.append(
            f"\n## {claim.statement}\n\n**{outcome.verdict.capitalize()}.** {outcome.said}\n\n"
            f"*Confirmed if:* {claim.criterion} *Scripts:* {scripts}."
        )
    return "\n".join(parts) + "\n" + CHANGED


def main() -> None:
    """Check what the command line asks for, write the page or print it."""
    parser = argparse.ArgumentParser(description="Check the lecture's claims.")
    parser.add_argument("--claim", default="", help="part of a check's name")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--outcomes", type=Path, help="keep outcomes there, use those that exist")
    parser.add_argument("--output", type=Path, help="write the page there (Markdown)")
    options = parser.parse_args()
    kept = options.outcomes
    saved = json.loads(kept.read_text()) if kept and kept.exists() else {}
    seconds = saved.pop("seconds", 0.0)
    outcomes = {name: Outcome(**outcome) for name, outcome in saved.items()}
    bench = Bench(options.seeds)
    try:
        for claim in CLAIMS:
            if options.claim not in claim.name or claim.name in outcomes:
                continue
            began = time.monotonic()
            outcomes[claim.name] = claim.check(bench)
            seconds += time.monotonic() - began
            print(f"{claim.name}: {outcomes[claim.name].verdict}", flush=True)
            if kept:
                found = {name: asdict(outcome) for name, outcome in outcomes.items()}
                kept.write_text(json.dumps({**found, "seconds": seconds}, indent=1))
    finally:
        bench.close()
    text = page(outcomes, options.seeds, seconds, resumed=bool(saved))
    if options.output:
        options.output.write_text(text)
    else:
        print(text)


if __name__ == "__main__":
    main()
