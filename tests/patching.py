"""What remedies that are only written make of a script; no framework is needed."""

from __future__ import annotations

from unstuck.signals import Run
from unstuck.trials import Candidate
from unstuck.working_files import WorkingFiles, rewrites


def rewritten(run: Run, candidate: Candidate) -> str:
    """Return the patched script; "" where a remedy has no effect."""
    changes = rewrites(run, candidate)
    if not changes:
        return ""
    patched = WorkingFiles().patched(changes)
    assert not patched.notes, patched.notes
    (text,) = patched.texts.values()
    return text
