"""From a record to findings: every obstacle is asked, then causes are told from consequences."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from unstuck import registry
from unstuck.findings import Finding, Severity
from unstuck.obstacles import Obstacle
from unstuck.record import Recording, read
from unstuck.signals import Run

__all__ = ["arrange", "diagnose", "diagnose_run", "known_at", "rearrange"]


def diagnose(
    source: str | Recording,
    obstacles: Sequence[type[Obstacle]] | None = None,
    thresholds: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    dated: bool = True,
) -> list[Finding]:
    """Return the findings of a record, first diagnosis first.

    Args:
        source: Path of a record, or one that was read.
        obstacles: Which obstacles to look for; all by default.
        thresholds: Obstacle name -> threshold -> value, in place of the defaults.
        dated: Whether to find out at which step the first diagnosis stood, which takes several
            times as long.

    Raises:
        RecordError: When the record cannot be read.
    """
    recording = read(source) if isinstance(source, str) else source
    asked = [
        kind((thresholds or {}).get(kind.name()))
        for kind in (registry.obstacles().values() if obstacles is None else obstacles)
    ]
    found: list[Finding] = []
    for run in recording.runs:
        if not run.steps:
            continue
        findings = _with_known_at(run, asked) if dated else diagnose_run(run, asked)
        if _rehearsal(run, recording.runs):
            findings = [f.with_(severity=Severity.INFO, first=False) for f in findings]
        found += [finding.with_(training=run) for finding in findings]
    return _one_first(found)


def _rehearsal(run: Run, runs: Sequence[Run]) -> bool:
    """Return whether a later, longer run trains the same layers.

    A sweep over learning rates fails on purpose: only what the script then trains counts. Runs
    whose layers are not known, those of a log, stand each for itself.
    """
    layers = [(la.name, la.shape) for la in run.layers]
    return bool(layers) and any(
        later.index > run.index
        and later.steps > run.steps
        and [(la.name, la.shape) for la in later.layers] == layers
        for later in runs
    )


def diagnose_run(run: Run, obstacles: Iterable[Obstacle]) -> list[Finding]:
    """Return the findings of one run, arranged; an obstacle that fails is left out with a line."""
    found: list[Finding] = []
    for obstacle in obstacles:
        try:
            found += obstacle.check(run)
        except Exception as error:  # a plug-in's or our own mistake must not cost the others
            kind = f"{type(error).__name__}: {error}".splitlines()[0]
            print(f"unstuck: {obstacle.name()} could not be checked ({kind})", file=sys.stderr)
    return arrange(found)


def arrange(found: Sequence[Finding]) -> list[Finding]:
    """Tell causes from consequences, and put the first diagnosis first.

    A finding is a consequence of another one that explains it (`Obstacle.explains`). Of what is
    left unexplained, the most severe, then the surest is the first diagnosis. Remarks (severity
    info) explain nothing and are never first.
    """
    explains = {name: frozenset(kind.explains) for name, kind in registry.obstacles().items()}
    serious = [f for f in found if f.severity is not Severity.INFO]
    causes: dict[str, str] = {}
    for finding in found:
        explaining = [
            other
            for other in serious
            if other.obstacle != finding.obstacle
            and finding.obstacle in explains.get(other.obstacle, ())
            and not (
                other.obstacle in explains.get(finding.obstacle, ())
                and _rank(finding) <= _rank(other)
            )
        ]
        if explaining:
            causes[finding.obstacle] = min(explaining, key=_rank).obstacle
    ordered = sorted(found, key=lambda f: (f.obstacle in causes, *_rank(f)))
    arranged = []
    first = next((f.obstacle for f in ordered if f.obstacle not in causes and f in serious), None)
    for finding in ordered:
        cause = causes.get(finding.obstacle)
        # Follow the chain up to the finding that nothing explains.
        seen = {finding.obstacle}
        while cause in causes and cause not in seen:
            seen.add(cause)
            cause = causes[cause]
        arranged.append(
            finding.with_(
                first=finding.obstacle == first,
                consequence_of=None if cause in (None, finding.obstacle) else cause,
            )
        )
    return arranged


def _rank(finding: Finding) -> tuple[int, float, str]:
    return (-finding.severity.rank, -finding.confidence, finding.code)


def _with_known_at(run: Run, obstacles: Sequence[Obstacle]) -> list[Finding]:
    found = diagnose_run(run, obstacles)
    first = next((f for f in found if f.first), None)
    if first is None:
        return found
    step = known_at(run, first, obstacles)
    return [f.with_(known_at=step) if f.first else f for f in found]


def known_at(run: Run, first: Finding, obstacles: Sequence[Obstacle]) -> int:
    """Return the step after which `first` was the first diagnosis and remained it.

    The run is asked again as it was known after 5, 10, 20, ... steps.
    """
    step = run.steps - 1
    moments = [s for s in _moments(run.steps) if s < run.steps]
    for moment in reversed(moments):
        then = diagnose_run(run.until(moment), obstacles)
        if not any(f.first and f.obstacle == first.obstacle for f in then):
            break
        step = moment
    return step


def _moments(steps: int) -> list[int]:
    moments, at = [], 5.0
    while at < steps:
        moments.append(int(at) - 1)
        at *= 1.5
    return moments


def rearrange(found: Sequence[Finding]) -> list[Finding]:
    """Return findings of which some were left out, causes and first diagnosis told anew."""
    runs = dict.fromkeys(finding.run for finding in found)
    return _one_first([f for run in runs for f in arrange([f for f in found if f.run == run])])


def _one_first(found: list[Finding]) -> list[Finding]:
    """Keep one first diagnosis over all trainings of the script: the most severe, earliest one."""
    firsts = sorted((f for f in found if f.first), key=lambda f: (-f.severity.rank, f.run))
    best = firsts[0] if firsts else None
    kept = [f if f is best or not f.first else f.with_(first=False) for f in found]
    return sorted(kept, key=lambda f: (not f.first, f.run))
