"""Watches a script, rewrites it by a remedy of the stage "source", and executes the result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from treating import execute, recorded, watch
from unstuck.patch import apply_edits
from unstuck.registry import remedy
from unstuck.signals import Run


@dataclass(frozen=True)
class Rewritten:
    """A script before and after.

    Attributes:
        path: Where the script lies.
        before: Its source.
        after: Its source as the remedy rewrote it; the same where the remedy declined.
        run: The untreated run.
    """

    path: Path
    before: str
    after: str
    run: Run

    @property
    def declined(self) -> bool:
        """Whether the remedy left the script as it is."""
        return self.before == self.after

    def names(self) -> dict[str, Any]:
        """Execute the rewritten script and return its variables."""
        return execute(self.path, self.after)

    def again(self) -> Run:
        """Watch the rewritten script."""
        self.path.write_text(self.after)
        return watch(self.path)

    def lines(self) -> tuple[list[str], list[str]]:
        """Return the lines that went and those that came, in the order of the script."""
        old, new = self.before.splitlines(), self.after.splitlines()
        return [o for o in old if o not in new], [n for n in new if n not in old]


def rewrite(
    folder: Path, source: str, name: str, settings: Mapping[str, float] | None = None
) -> Rewritten:
    """Rewrite a script by a remedy."""
    path = folder / "train.py"
    path.write_bytes(source.encode())
    run = recorded(path).runs[0]
    changes = remedy(name)().rewrite(run, settings or {})
    edits = [change.edit for change in changes if change.edit is not None]
    patched = apply_edits(source, edits, str(path))
    assert len(edits) == len(changes)
    assert not patched.skipped, patched.skipped
    return Rewritten(path, source, patched.source, run)
