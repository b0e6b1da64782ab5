"""The user's files under repair: what they say now, patched, and the difference to before."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from unstuck import registry
from unstuck.edits import Edit, from_json, to_json
from unstuck.patch import apply_edits, read_source, unified_diff
from unstuck.remedies import Change
from unstuck.signals import Run
from unstuck.sources.hand_subject import HandSubject
from unstuck.sources.keras_subject import KerasSubject, merged
from unstuck.trials import Candidate

__all__ = ["WorkingFiles", "rewrites", "rewriting"]


@dataclass(frozen=True)
class WorkingFiles:
    """Files that differ from what is on the disk.

    Attributes:
        texts: Real path of a file -> its text now.
        notes: Why there is no patch, if so.
    """

    texts: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def patched(self, changes: Sequence[Mapping[str, Any]]) -> WorkingFiles:
        """Return the files with the edits of some changes carried out, or notes why not.

        Args:
            changes: As a trial records them: ``what``, ``layers``, ``edit``.
        """
        if any(change["edit"] is None for change in changes):
            said = "; ".join(c["what"] for c in changes if c["edit"] is None)
            note = f"the script's own lines cannot say this, change it by hand: {said}"
            return WorkingFiles(self.texts, (note,))
        by_file: dict[str, list[Edit]] = {}
        for change in changes:
            edit = from_json(change["edit"])
            by_file.setdefault(os.path.realpath(edit.location.file), []).append(edit)
        texts = dict(self.texts)
        for path, edits in by_file.items():
            try:
                before = texts[path] if path in texts else read_source(Path(path))[0]
                result = apply_edits(before, edits, path)
            except (OSError, ValueError, SyntaxError) as error:
                note = f"no patch for {os.path.basename(path)}: {error}"
                return WorkingFiles(self.texts, (note,))
            if result.skipped:
                reasons = "; ".join(reason for _, reason in result.skipped)
                whats = "; ".join(dict.fromkeys(c["what"] for c in changes))
                return WorkingFiles(self.texts, (f"no patch ({reasons}); by hand: {whats}",))
            texts[path] = result.source
        return WorkingFiles(texts)

    def write(self, directory: str | os.PathLike[str], name: str) -> dict[str, str]:
        """Write the texts into a directory; return real path of a file -> path of its new text."""
        written: dict[str, str] = {}
        for number, (path, text) in enumerate(self.texts.items()):
            copy = Path(directory) / f"{name}-{number}.py"
            copy.write_bytes(text.encode(read_source(Path(path))[1]))
            written[path] = str(copy)
        return written

    def diff(self) -> str:
        """Return the unified diff from the disk's files to these."""
        parts = []
        for path, text in self.texts.items():
            before, _ = read_source(Path(path))
            shown = os.path.relpath(path)
            parts.append(unified_diff(before, text, path if shown.startswith("..") else shown))
        return "".join(parts)


def rewriting(run: Run, candidate: Candidate) -> bool:
    """Return whether trials of a candidate execute a rewritten script.

    Those of a Keras script and of one that writes its updates out always do; otherwise those of
    remedies of the stage "source".
    """
    if _only_written(run):
        return bool(candidate)
    return any(registry.remedy(name).stage == "source" for name, _ in candidate)


def rewrites(run: Run, candidate: Candidate) -> list[dict[str, Any]]:
    """Return the changes of remedies that rewrite the script, as a trial records changes.

    Args:
        run: The untreated run.
        candidate: Its remedies; of PyTorch, those of the stage "source", others are left out.

    Returns:
        Nothing where one of the remedies has no effect on a script that is only rewritten: without
        it, the candidate is another one.
    """
    changes = _whole(run, candidate) if _only_written(run) else _of_source(run, candidate)
    return [
        {
            "what": change.what,
            "layers": list(change.layers),
            "edit": None if change.edit is None else to_json(change.edit),
        }
        for change in changes
    ]


def _of_source(run: Run, candidate: Candidate) -> list[Change]:
    return [
        change
        for name, settings in candidate
        if registry.remedy(name).stage == "source"
        for change in registry.remedy(name)().rewrite(run, settings)
    ]


def _only_written(run: Run) -> bool:
    """Return whether nothing of a training can be treated live: there is no optimizer of torch."""
    return run.framework == "keras" or run.optimizer.by_hand


def _whole(run: Run, candidate: Candidate) -> list[Change]:
    subject = KerasSubject(run) if run.framework == "keras" else HandSubject(run)
    changes: list[Change] = []
    for name, settings in candidate:
        remedy = registry.remedy(name)()
        if isinstance(subject, KerasSubject):
            found = remedy.apply_keras(subject, settings)
        else:
            found = remedy.apply_by_hand(subject, settings)
        if not found:
            return []
        changes += found
    return merged(changes)
