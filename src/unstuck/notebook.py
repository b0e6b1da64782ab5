"""The same from Python: watch a block of code, fix a function that builds and trains."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from unstuck.bench import FixError, Options, parse_budget
from unstuck.diagnosis import diagnose
from unstuck.findings import Finding
from unstuck.record import Recorder, Recording, read
from unstuck.repair import Repair, repair
from unstuck.report import Report
from unstuck.trials import Target

if TYPE_CHECKING:
    from unstuck.side_by_side import Compared

__all__ = ["Watched", "compare", "fix", "watch"]


class Watched:
    """A block of code that was watched.

    Attributes:
        record: Path of its record.
    """

    def __init__(self, record: str, recorder: Recorder) -> None:
        self.record = record
        self._recorder: Recorder | None = recorder

    def recording(self) -> Recording:
        """Return what has been measured so far."""
        if self._recorder is not None:
            self._recorder.commit()
        return read(self.record)

    def findings(self) -> list[Finding]:
        """Return what is found so far, first diagnosis first."""
        return diagnose(self.recording())

    def _close(self) -> None:
        if self._recorder is not None:
            self._recorder.close()
            self._recorder = None

    def _report(self) -> Report:
        recording = self.recording()
        return Report(recording, diagnose(recording))

    def __repr__(self) -> str:
        from unstuck.report.text import render

        return render(self._report())

    def _repr_html_(self) -> str:
        from unstuck.report.html import page
        from unstuck.report.page import frame

        return frame(page(self._report()))


@contextmanager
def watch(record: str | None = None, budget: str | float | None = None) -> Iterator[Watched]:
    """Watch the trainings inside a ``with`` block.

    Args:
        record: Where to write the record; a temporary file by default.
        budget: Share of the time that watching may cost, ``"1%"`` or ``0.01``; what the
            configuration says by default.

    Raises:
        ValueError: When the budget is no share.
        ConfigurationError: When the configuration cannot be used.

    Example:
        >>> with unstuck.watch() as run:  # doctest: +SKIP
        ...     train()
        >>> run.findings()  # doctest: +SKIP
    """
    from unstuck.config import load, share
    from unstuck.runner import Spec, Watching

    allowed = share(load(Path.cwd()).budget if budget is None else budget)
    path = record or os.path.join(tempfile.mkdtemp(prefix="unstuck-"), "run.db")
    watching = Watching(Spec(path, allowed))
    main = getattr(sys.modules.get("__main__"), "__file__", "") or ""
    watching.recorder.fact("script", main)
    watching.start(adopt=True)
    watched = Watched(path, watching.recorder)
    try:
        yield watched
    finally:
        watching.stop()
        watched._close()


def fix(
    train: Callable[[], object],
    *,
    budget: str = "10m",
    seeds: int = 3,
    quiet: bool = False,
) -> Repair:
    """Try remedies on a function that builds and trains a model; return proof and patch.

    Every trial calls `train` in a process of its own, forked from this one.

    Args:
        train: Builds the model and trains it, without arguments.
        budget: Time limit (``10m``) or multiple of the bare run's steps (``3x``).
        seeds: Seeds of the proof.
        quiet: Whether to say nothing meanwhile.

    Raises:
        FixError: When the function fails before it trains, or trains nothing.
        ValueError: When the budget cannot be understood.
    """
    seconds, ratio = parse_budget(budget)
    options = Options(seconds=seconds, ratio=ratio, seeds=seeds)
    say = (lambda line: None) if quiet else (lambda line: print(f"unstuck: {line}"))
    return repair(_target(train), options, say)


def compare(
    train: Callable[[], object],
    remedies: Sequence[str],
    *,
    budget: str = "10m",
    seeds: int = 3,
) -> Compared:
    """Train as it is and with each of some remedies, on the same seeds, each to its end.

    Args:
        train: Builds the model and trains it, without arguments.
        remedies: Such as ``use-adam``, ``use-adam=0.01`` or ``use-relu+use-adam``.
        budget: Time limit.
        seeds: How many.

    Raises:
        FixError: When the function trains nothing, or a remedy does not take such a setting.
        ValueError: When a remedy or the budget cannot be understood.
    """
    from unstuck.side_by_side import compare as run

    options = Options(seconds=parse_budget(budget)[0], seeds=seeds)
    return run(_target(train), remedies, options, lambda line: None)


def _target(train: Callable[[], object]) -> Target:
    if not callable(train):
        raise FixError("it takes a function that builds and trains a model")
    name = getattr(train, "__code__", None)
    script = name.co_filename if name is not None and Path(name.co_filename).is_file() else ""
    return Target(script, call=train)
