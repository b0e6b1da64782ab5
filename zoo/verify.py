"""Check that cases may enter the zoo: the fault shows and its fix works, on five seeds.

``python zoo/verify.py NAME…``; without unstuck: only the scripts' own scores count.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from run import CASES, card_of, execute, seeded


def fixed(source: str, card: Mapping[str, Any]) -> str:
    """Return the script with every `fix` of its card applied.

    Raises:
        ValueError: When a passage to replace is not in the script exactly once.
    """
    for fix in card.get("fix", ()):
        if source.count(fix["old"]) != 1:
            raise ValueError(f"the script has {source.count(fix['old'])} times {fix['old']!r}")
        source = source.replace(fix["old"], fix["new"])
    return source


def score(source: str, pattern: str) -> tuple[float, float]:
    """Run a script alone; return the last number its card's pattern finds, and the seconds."""
    start = time.monotonic()
    done = execute(source)
    seconds = time.monotonic() - start
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1])
    found = re.findall(pattern, done.stdout)
    if not found:
        raise RuntimeError(f"nothing printed matches {pattern!r}")
    return float(found[-1]), seconds


def verify(name: str, seeds: int = 5) -> tuple[bool, str]:
    """Return whether a case may enter, and a line with its scores."""
    card = card_of(name)
    source = (CASES / f"{name}.py").read_text()
    sign = 1 if card["goal"] == "max" else -1
    try:
        runs = [score(seeded(source, seed), card["score"]) for seed in range(seeds)]
        scores = [run[0] for run in runs]
        slowest = max(run[1] for run in runs)
        if card["kind"] == "healthy":
            good = all(sign * (s - card["repaired"]) >= 0 for s in scores)
            return good, f"{name}: {scores} (needs {card['repaired']}), {slowest:.1f} s"
        cured = [
            score(seeded(fixed(source, card), seed), card["score"])[0] for seed in range(seeds)
        ]
    except (RuntimeError, ValueError, subprocess.TimeoutExpired) as error:
        return False, f"{name}: {error}"
    edge = card["sick_at_most" if sign > 0 else "sick_at_least"]
    # A NaN score is sick: no comparison with it is true.
    sick = not any(sign * (s - edge) > 0 for s in scores)
    good = all(sign * (s - card["repaired"]) >= 0 for s in cured)
    line = f"sick {scores} (edge {edge}), fixed {cured} (needs {card['repaired']})"
    return sick and good, f"{name}: {line}, {slowest:.1f} s"


def main() -> int:
    """Verify the named cases, or all; the exit status says whether all may enter."""
    parser = argparse.ArgumentParser(description="Check cases over five seeds.")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--seeds", type=int, default=5, help="five are needed to enter")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    names = options.names or sorted(path.stem for path in CASES.glob("*.toml"))
    with ThreadPoolExecutor(options.workers) as pool:
        outcomes = list(pool.map(partial(verify, seeds=options.seeds), names))
    for good, line in outcomes:
        print("ok  " if good else "FAIL", line)
    return 0 if all(good for good, _ in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
