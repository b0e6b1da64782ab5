"""What is known of a run while it goes on, in one line at the bottom of the terminal.

The line lies outside the region in which the terminal scrolls, as that of Debian's `apt` does, so
the script's own output and progress bars, which move the cursor relative to where it is, stay what
they are. Each time it is written in one piece that leaves the cursor where it was.
"""

from __future__ import annotations

import contextlib
import io
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from unstuck import plan
from unstuck.diagnosis import diagnose
from unstuck.findings import Finding, Severity
from unstuck.record import RecordError, latest, read
from unstuck.report import digits, shown_path

__all__ = ["Following", "Seen", "StatusLine"]

SHARE = 100
"""A diagnosis is made anew after so many times the time that the last one took: it has to leave
the processors to the training."""
ROWS = 5
"""On a terminal with fewer rows there is no line."""
SAVE, RESTORE, PLAIN = "\0337", "\0338", "\033[0m"
COLOURS = {Severity.ERROR: "\033[1;31m", Severity.WARNING: "\033[1;33m"}


@dataclass(frozen=True)
class Seen:
    """What is known of a run so far.

    Attributes:
        step: The last step, from 0.
        loss: Its loss.
        findings: Warnings and errors, first diagnosis first.
        settled: The first diagnosis, once it will hardly change; else None.
    """

    step: int
    loss: float
    findings: Sequence[Finding] = ()
    settled: Finding | None = None


class Following:
    """Reads a record while it grows.

    Args:
        record: Its path.
        obstacles: What to look for; None for everything.
        thresholds: Obstacle name -> threshold -> value, in place of the defaults.
        keep: Which of the findings count.
    """

    def __init__(
        self,
        record: str,
        obstacles: Sequence[Any] | None = None,
        thresholds: Any = None,
        keep: Callable[[Sequence[Finding]], Sequence[Finding]] = lambda found: found,
    ) -> None:
        self._record = record
        self._asked = (obstacles, thresholds)
        self._keep = keep
        self._due = 0.0
        self._findings: Sequence[Finding] = ()
        self._firsts: list[tuple[int, Finding | None]] = []

    def look(self) -> Seen | None:
        """Return what is known now, None if no step was taken yet."""
        now = latest(self._record)
        if now is None:
            return None
        if time.monotonic() >= self._due:
            self._diagnose()
        settled = self._firsts[-1][1] if plan.settled(self._firsts) else None
        return Seen(*now, self._findings, settled)

    def _diagnose(self) -> None:
        began = time.monotonic()
        try:
            recording = read(self._record)
        except RecordError:
            return
        with contextlib.redirect_stderr(io.StringIO()):  # what fails is said at the end
            found = self._keep(diagnose(recording, *self._asked, dated=False))
        # They are kept, and a long training takes memory: what was read of it is let go.
        serious = [f for f in found if f.severity is not Severity.INFO]
        self._findings = [f.with_(training=None) for f in serious]
        steps = max((run.steps for run in recording.runs), default=0)
        self._firsts.append((steps, next((f for f in self._findings if f.first), None)))
        self._due = time.monotonic() + SHARE * (time.monotonic() - began)


class StatusLine:
    """The terminal's last row, as long as a run goes on; it appears with the first step.

    Args:
        following: Knows how the run goes.
        terminal: File descriptor of the terminal.
    """

    def __init__(self, following: Following, terminal: int) -> None:
        self._following = following
        self._terminal = terminal
        self._size: os.terminal_size | None = None

    def refresh(self) -> None:
        """Write what is known now; a terminal that cannot be written to is left alone."""
        with contextlib.suppress(OSError):
            seen = self._following.look()
            size = os.get_terminal_size(self._terminal)
            if seen is not None and size.lines >= ROWS:
                self._write(f"{self._region(size)}{_row(size, *said(seen))}")

    def end(self) -> None:
        """Give the row back."""
        if self._size is not None:
            with contextlib.suppress(OSError):
                self._write(f"{SAVE}\033[r\033[{self._size.lines};1H\033[2K{RESTORE}")
            self._size = None

    def _region(self, size: os.terminal_size) -> str:
        """Return what keeps the last row out of the scrolling, "" if that was said already."""
        if size == self._size:
            return ""
        # An index makes room where the cursor is in the last row; then it goes back up.
        room = "\033D\033[1A" if self._size is None else ""
        self._size = size
        return f"{room}{SAVE}\033[1;{size.lines - 1}r{RESTORE}"

    def _write(self, text: str) -> None:
        os.write(self._terminal, text.encode(errors="replace"))


def _row(size: os.terminal_size, text: str, colour: str) -> str:
    shown = f"{colour}{_fitting(text, size.columns - 1)}{PLAIN}"
    return f"{SAVE}\033[{size.lines};1H{PLAIN}{shown}\033[K{RESTORE}"


def said(seen: Seen) -> tuple[str, str]:
    """Return the line's text and how the terminal colours it."""
    parts = [f"unstuck: step {seen.step + 1}", f"loss {digits(seen.loss)}"]
    firsts = [f for f in seen.findings if f.first]
    fatal = seen.settled
    for finding in [fatal] if fatal is not None else firsts:
        place = finding.location
        where = f" at {shown_path(place.file)}:{place.line}" if place else ""
        stops = "stopped by" if fatal is not None else "looks like"
        parts.append(f"{stops} {finding.obstacle}{where}")
    more = len(seen.findings) - 1
    if more > 0:
        parts.append(f"{more} more")
    if fatal is not None:
        parts.append("Ctrl-C ends the run")
    colour = COLOURS.get(firsts[0].severity, "") if fatal is not None else ""
    return " · ".join(parts), colour if firsts else ""


def _fitting(text: str, columns: int) -> str:
    """Return text that fits into a row and cannot steer the terminal."""
    harmless = "".join(c if c.isprintable() else "\ufffd" for c in text)
    return harmless if len(harmless) <= columns else f"{harmless[: columns - 1]}…"
