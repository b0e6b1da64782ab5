"""Runs small scripts in this process: untreated and watched, treated, patched."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from unstuck import registry
from unstuck.edits import from_json, to_json
from unstuck.frameworks.torch import TorchWatcher
from unstuck.frameworks.torch_births import Births
from unstuck.frameworks.torch_treatment import Treatment
from unstuck.patch import apply_edits
from unstuck.record import Recorder, Recording, read
from unstuck.remedies import Change
from unstuck.signals import Run

Remedies = tuple[tuple[str, Mapping[str, float]], ...]


@dataclass(frozen=True)
class Outcome:
    """What is left of a script: its variables, what was changed."""

    names: dict[str, Any]
    changes: tuple[Change, ...] = ()

    def weights(self, names: set[str]) -> list[torch.Tensor]:
        """Parameters and buffers of the models that the script calls by `names`, in order."""
        held = [self.names[name] for name in sorted(names)]
        models = [m for v in held for m in (v if isinstance(v, list) else [v])]
        tensors = [
            t for m in models if isinstance(m, nn.Module) for t in (*m.parameters(), *m.buffers())
        ]
        return tensors + [v for v in held if isinstance(v, torch.Tensor)]


@contextlib.contextmanager
def births() -> Iterator[Births]:
    """Watch where modules are constructed, and stop."""
    original = nn.Module.__init__, nn.Module.__setstate__
    known = Births()
    known.install()
    try:
        yield known
    finally:
        nn.Module.__init__, nn.Module.__setstate__ = original


def execute(path: Path, source: str | None = None) -> dict[str, Any]:
    """Execute a script, or other source under its name."""
    names: dict[str, Any] = {"__name__": "__main__", "__file__": str(path)}
    exec(compile(source or path.read_text(), str(path), "exec"), names)
    return names


def watch(path: Path) -> Run:
    """Run the script watched; return its first training."""
    return recorded(path).runs[0]


def recorded(path: Path) -> Recording:
    """Run the script watched; return the whole record."""
    original = nn.Module.__init__, nn.Module.__setstate__
    record = path.with_suffix(".db")
    recorder = Recorder(record)
    watcher = TorchWatcher(recorder, 1.0, thorough=True)
    watcher.install()
    try:
        execute(path)
    finally:
        watcher.uninstall()
        nn.Module.__init__, nn.Module.__setstate__ = original
        recorder.close()
    assert watcher.failed is None
    return read(record)


def treat(path: Path, run: Run, remedies: Remedies) -> Outcome:
    """Run the script treated."""
    with births() as known:
        pairs = [(registry.remedy(name)(), values) for name, values in remedies]
        treatment = Treatment(known, pairs, run)
        treatment.install()
        try:
            names = execute(path)
        finally:
            treatment.uninstall()
    return Outcome(names, tuple(treatment.changes))


def patch(path: Path, changes: tuple[Change, ...]) -> str:
    """Return the script's source with the edits of `changes`."""
    edits = [from_json(to_json(change.edit)) for change in changes if change.edit is not None]
    patched = apply_edits(path.read_text(), edits, str(path))
    assert not patched.skipped, patched.skipped
    return patched.source


def same(one: Outcome, other: Outcome) -> bool:
    """Return whether two outcomes have the same weights, bit for bit."""
    names = {n for n in one.names if isinstance(one.names[n], (nn.Module, list, torch.Tensor))}
    pairs = list(zip(one.weights(names), other.weights(names), strict=True))
    return bool(pairs) and all(torch.equal(a, b) for a, b in pairs)
