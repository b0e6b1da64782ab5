"""What an interrupted fix leaves behind, so that the same command goes on from there.

The trials of a fix are kept in ``.unstuck/fix-KEY/`` until the fix ends by itself. At each pause of
a trial its record is copied as it is at that moment, and a small JSON file beside it, written
atomically, names the copies. A trial that is asked for again stands at these moments one after the
other, as it did before, without being run. `KEY` is made of all that decides what a trial measures.
"""

from __future__ import annotations

import ast
import contextlib
import fcntl
import hashlib
import itertools
import json
import os
import re
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unstuck.record import RecordError, snapshot

if TYPE_CHECKING:
    from unstuck.runner import Spec
    from unstuck.trials import Candidate, Target, Trial

__all__ = ["Moment", "Store", "identity", "key", "local_sources", "own_folder"]

FORGOTTEN = 14 * 24 * 3600.0
"""Seconds after which what an interrupted fix has left is removed, if nobody came back to it."""


@dataclass(frozen=True)
class Moment:
    """A pause or the end of a trial.

    Attributes:
        status: ``paused``, ``completed`` or ``crashed``.
        code: Exit status, None at a pause.
        record: Record as it was at that moment; in the state file its name alone.
        size: Of that record, in bytes.
        output: What the script printed, in the state file the name alone.
        shown: So many bytes of it had been printed.
        total: Steps until then, over all of the trial's runs.
    """

    status: str
    code: int | None
    record: str
    size: int
    output: str
    shown: int
    total: int


def own_folder() -> Path:
    """Return ``.unstuck`` of the working directory, where records are kept; make it if need be.

    Raises:
        OSError: When the working directory is not writable.
    """
    folder = Path(".unstuck")
    folder.mkdir(exist_ok=True)
    (folder / ".gitignore").write_text("*\n")
    return folder


# -------------------------------------------------------------------------------- keys


def key(target: Target, metric: str | None, goal: str) -> str:
    """Return what tells one fix from another: sixteen hexadecimal digits.

    They depend on the script's path and content, the local modules it imports, its arguments, the
    metric, and the versions of unstuck, Python and torch. Data files are not looked at.
    """
    from unstuck import __version__

    sources = {str(path): _digest(path) for path in local_sources(target.script, target.module)}
    asked = [target.script, list(target.arguments), target.module, metric, goal if metric else ""]
    versions = [__version__, sys.version, _version("torch")]
    return _hash([os.getcwd(), sources, asked, versions])


def identity(
    candidate: Candidate, spec: Spec, *, live: bool, sources: Mapping[str, str] | None
) -> str:
    """Return what tells one trial of a fix from another: sixteen hexadecimal digits."""
    treated = [[name, sorted(values.items())] for name, values in candidate]
    texts = {path: _digest(Path(copy)) for path, copy in (sources or {}).items()}
    limits = [list(spec.pauses), spec.stop_at, spec.budget]
    return _hash([treated, spec.seed, spec.run, live, texts, limits])


def _hash(data: object) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:16]


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def local_sources(script: str, module: bool) -> list[Path]:
    """Return the files of a script and of the modules beside it that it imports, and they import.

    Imports are read from the source, those inside functions too; what a script computes is missed.
    """
    root = Path.cwd() if module else Path(script).resolve().parent
    waiting = list(_module_files(root, script)) if module else [Path(script).resolve()]
    found: dict[Path, None] = {}
    while waiting:
        path = waiting.pop()
        if path not in found:
            found[path] = None
            waiting += [
                file
                for folder, name in _imported(path, root)
                for file in _module_files(folder, name)
            ]
    return list(found)


def _imported(path: Path, root: Path) -> Iterator[tuple[Path, str]]:
    """Yield folder and dotted name of everything that a file may import."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((root, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            folder = path.parents[node.level - 1] if node.level else root
            stem = f"{node.module}." if node.module else ""
            yield from ((folder, stem + alias.name) for alias in node.names)


def _module_files(folder: Path, name: str) -> Iterator[Path]:
    """Yield the files in a folder that importing a dotted name executes."""
    parts = name.split(".")
    for end in range(1, len(parts) + 1):
        stem = folder.joinpath(*parts[:end])
        names = (stem.with_name(f"{stem.name}.py"), stem / "__init__.py", stem / "__main__.py")
        yield from (file.resolve() for file in names if file.is_file())


# -------------------------------------------------------------------------------- the directory


class Store:
    """The directory of one fix, which stays when the fix is interrupted.

    Attributes:
        name: Its path.
        known: What was measured before, by the identity of the trial.
    """

    def __init__(self, folder: Path) -> None:
        self.name = str(folder.resolve())
        self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.known = {
            path.stem.removeprefix("state-"): moments
            for path in sorted(folder.glob("state-*.json"))
            if (moments := _moments(path))
        }
        used = [int(m[1]) for p in folder.iterdir() if (m := re.match(r"trial-(\d+)\.", p.name))]
        self.numbers = itertools.count(max(used, default=-1) + 1)

    @classmethod
    def open(cls, target: Target, metric: str | None, goal: str) -> Store | None:
        """Return the directory of a fix, with what an interrupted one has left in it.

        None for a callable, where no directory can be written, or while the same fix is running.
        """
        if target.call is not None:
            return None
        try:
            parent = own_folder()
            _forget(parent)
            folder = parent / f"fix-{key(target, metric, goal)}"
            folder.mkdir(exist_ok=True)
            return cls(folder)
        except OSError:
            return None

    def keep(self, trial: Trial) -> None:
        """Keep what a trial has measured, at a pause or at its end.

        A trial that was killed says nothing more than at its last pause. What cannot be written is
        measured again.
        """
        ended = trial.status in ("completed", "crashed") and (trial.code or 0) >= 0
        if trial.status != "paused" and not ended:
            return
        with contextlib.suppress(OSError, RecordError):
            record = Path(trial.spec.record)
            if not ended:
                record = record.with_suffix(f".{trial.steps}.db")
                snapshot(trial.spec.record, record)
            trial.moments.append(_moment(trial, record))
            self._write(trial)

    def _write(self, trial: Trial) -> None:
        named = [
            asdict(replace(m, record=Path(m.record).name, output=Path(m.output).name))
            for m in trial.moments
        ]
        path = Path(self.name) / f"state-{trial.identity}.json"
        draft = path.with_suffix(".draft")
        draft.write_text(json.dumps(named))
        draft.replace(path)

    def leave(self) -> None:
        """Let the directory stay, for the same command to go on from; an empty one goes."""
        if any(Path(self.name).glob("state-*.json")):
            os.close(self._lock)
        else:
            self.cleanup()

    def cleanup(self) -> None:
        """Remove the directory."""
        shutil.rmtree(self.name, ignore_errors=True)
        os.close(self._lock)


def _moment(trial: Trial, record: Path) -> Moment:
    output = trial.spec.output or ""
    return Moment(
        status=trial.status,
        code=trial.code if trial.status != "paused" else None,
        record=str(record),
        size=record.stat().st_size if record.exists() else 0,
        output=output,
        shown=os.path.getsize(output) if os.path.exists(output) else 0,
        total=trial.total,
    )


def _moments(path: Path) -> Sequence[Moment]:
    """Return what a state file holds, up to the first moment whose record is not whole."""
    folder = path.parent.resolve()
    found: list[Moment] = []
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
        for data in json.loads(path.read_text()):
            moment = Moment(**_placed(folder, data))
            record = Path(moment.record)
            if (record.stat().st_size if record.exists() else 0) != moment.size:
                break
            found.append(moment)
    return tuple(found)


def _placed(folder: Path, data: Mapping[str, Any]) -> dict[str, Any]:
    return {**data, **{name: str(folder / Path(data[name]).name) for name in ("record", "output")}}


def _forget(parent: Path) -> None:
    """Remove what interrupted fixes left long ago."""
    for folder in parent.glob("fix-*"):
        if folder.stat().st_mtime < time.time() - FORGOTTEN:
            shutil.rmtree(folder, ignore_errors=True)
