"""Scripts beside which a file is named like a module of the standard library.

Under plain Python such a script imports its own ``statistics.py``. So it does here, while modules
of unstuck keep what they asked for.
"""

from __future__ import annotations

import builtins
import contextlib
import importlib
import subprocess
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

__all__ = ["give_way"]


def give_way(folder: str) -> None:
    """Let what is imported from now on find the files of a folder first, but not our own modules.

    To be called before the folder is put into ``sys.path``. Does nothing, and costs a listing of
    the folder, where no file has such a name.

    Args:
        folder: The script's.
    """
    names = frozenset(_named(Path(folder)) & sys.stdlib_module_names)
    names = names and names - _always_there()
    if not names:
        return
    for name in names:
        with contextlib.suppress(Exception):  # of another platform
            importlib.import_module(name)
    ours = _taken(names)
    original = builtins.__import__

    def imported(name: str, *given: Any, **words: Any) -> ModuleType:
        scope = words.get("globals", next(iter(given), None)) or {}
        asking = str(scope.get("__package__")).partition(".")[0]
        if name.partition(".")[0] not in names or asking != "unstuck":
            return original(name, *given, **words)
        with _in_place(names, ours):
            return original(name, *given, **words)

    builtins.__import__ = imported


def _named(folder: Path) -> set[str]:
    """Return the names of the modules and packages in a folder."""
    try:
        return {
            path.stem
            for path in folder.iterdir()
            if path.suffix == ".py" or (path / "__init__.py").exists()
        }
    except OSError:
        return set()


def _always_there() -> set[str]:
    """Return the modules that Python has imported before any script: no file hides these."""
    command = [sys.executable, "-c", "import sys; print(*sys.modules)"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return set(done.stdout.split())


def _taken(names: Collection[str]) -> dict[str, ModuleType]:
    """Take modules of some names, and what is in them, out of those that are imported."""
    found = [name for name in sys.modules if name.partition(".")[0] in names]
    return {name: sys.modules.pop(name) for name in found}


@contextlib.contextmanager
def _in_place(names: Collection[str], ours: dict[str, ModuleType]) -> Iterator[None]:
    """Let our modules of some names stand in the place of the script's."""
    others = _taken(names)
    sys.modules.update(ours)
    try:
        yield
    finally:
        ours.update(_taken(names))
        sys.modules.update(others)
