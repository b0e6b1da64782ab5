"""How findings, trials and verdicts are shown: one renderer a file over the same `Report`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from unstuck.findings import Finding
from unstuck.record import Recording
from unstuck.signals import Series
from unstuck.verdict import Verdict

__all__ = ["Curve", "Report", "digits", "harmless", "repository_path", "shown_path"]


def shown_path(path: str) -> str:
    """Return a path as a person would write it: from here on, if it lies below."""
    relative = os.path.relpath(path) if os.path.isabs(path) else path
    return path if relative.startswith("..") else relative


def repository_path(path: str) -> str:
    """Return a path from the repository's root on, which CI names in GITHUB_WORKSPACE."""
    root = os.environ.get("GITHUB_WORKSPACE") or os.getcwd()
    relative = os.path.relpath(path, root)
    return os.path.abspath(path) if relative.startswith("..") else relative


_CONTROLS = dict.fromkeys([*range(9), *range(10, 32), *range(127, 160)], "\ufffd")


def harmless(text: str) -> str:
    """Return a line without the characters by which a name from a run could steer a terminal.

    That is all control characters but the tab (promise 6).
    """
    return text.translate(_CONTROLS)


def digits(value: object) -> str:
    """Return a number as a person would write it, in two or three digits; "-" for no number."""
    if not isinstance(value, (int, float)):
        return "-"
    return f"{value:.1e}" if value and not 1e-3 <= abs(value) < 1e4 else f"{value:.3g}"


@dataclass(frozen=True)
class Curve:
    """How one trial of a fix went, thinned.

    Attributes:
        treated: Whether the remedies were applied.
        seed: Shift of the script's seeds.
        loss: Training loss.
        validation: Loss of the held-out passes, empty without any.
        whole: Whether it shows the trial as far as it went, not only as far as it is compared.
    """

    treated: bool
    seed: int
    loss: Series
    validation: Series = field(default_factory=Series)
    whole: bool = False


@dataclass(frozen=True)
class Report:
    """What is shown of one execution, and of a fix if there was one.

    Attributes:
        recording: What was recorded.
        findings: First diagnosis first.
        verdict: What a fix came to, None without one.
        trials: The fix's trials, as schema 1 has them.
        verbose: Whether remarks and the reasons of an all-clear are shown.
        unjudged: What can't be judged from a log, with what it would take.
        curves: Of the trials that prove the verdict, and of the patched script to its end.
    """

    recording: Recording
    findings: Sequence[Finding]
    verdict: Verdict | None = None
    trials: Sequence[Mapping[str, Any]] = field(default=())
    verbose: bool = False
    unjudged: Mapping[str, str] = field(default_factory=dict)
    curves: Sequence[Curve] = ()

    @property
    def steps(self) -> int:
        """Optimizer steps of all trainings."""
        return sum(run.steps for run in self.recording.runs)
