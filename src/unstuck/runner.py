"""Runs a script or module under a watcher, the user's code unchanged.

``python -m unstuck.runner SPEC SCRIPT [ARGS...]`` is what `unstuck run` and every trial start, in a
process of its own: whatever happens to it, the record stays. Frameworks are hooked when the script
imports them, so a script that uses none pays nothing.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import runpy
import sys
import traceback
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Spec", "execute", "main"]

CRASHED = "crashed"
"""Fact: the last line of the script's traceback."""


@dataclass(frozen=True)
class Spec:
    """How to execute a script.

    Attributes:
        record: Where the record is written.
        budget: Share of the time that watching may cost.
        seed: Shift of every seed that the script sets; None leaves all randomness alone.
        remedies: Names and settings of the remedies to apply.
        control: Record of the untreated execution that a treatment relies on.
        run: Which of the control's runs is treated.
        source: Path of the source to execute in place of the script's own, under its name.
        module: Whether the script is the name of a module (``-m``).
        trial: Whether this is a trial: inputs are measured throughout, budget does not bind.
    """

    record: str
    budget: float = 0.01
    seed: int | None = None
    remedies: tuple[tuple[str, Mapping[str, float]], ...] = ()
    control: str | None = None
    run: int = 0
    source: str | None = None
    module: bool = False
    trial: bool = False
    preload: tuple[str, ...] = field(default=())

    def to_json(self) -> str:
        """Return the spec as one line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Spec:
        """Read a spec back from `to_json`."""
        data = json.loads(text)
        data["remedies"] = tuple((name, dict(values)) for name, values in data["remedies"])
        data["preload"] = tuple(data["preload"])
        return cls(**data)


class _AfterImport(importlib.abc.MetaPathFinder):
    """Calls a function right after a module was imported for the first time."""

    def __init__(self, name: str, then: Callable[[], None]) -> None:
        self.name = name
        self.then = then
        self._looking = False

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self.name or self._looking:
            return None
        self._looking = True
        try:
            spec = importlib.util.find_spec(fullname)
        finally:
            self._looking = False
        if spec is None or spec.loader is None or not hasattr(spec.loader, "exec_module"):
            return None
        execute_module = spec.loader.exec_module

        def exec_module(module: types.ModuleType) -> None:
            execute_module(module)
            sys.meta_path[:] = [finder for finder in sys.meta_path if finder is not self]
            self.then()

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def after_import(name: str, then: Callable[[], None]) -> None:
    """Call `then` once module `name` is imported: now, if it already is."""
    if name in sys.modules:
        then()
    else:
        sys.meta_path.insert(0, _AfterImport(name, then))


class Watching:
    """The watcher of this process; frameworks attach to it as they are imported."""

    def __init__(self, spec: Spec) -> None:
        from unstuck.record import Recorder

        self.spec = spec
        self.recorder = Recorder(spec.record)
        self.watchers: list[Any] = []
        self.treatment: Any = None

    def start(self) -> None:
        """Wait for the frameworks."""
        if self.spec.seed is not None:
            _shift_seeds(self.spec.seed)
        after_import("torch", self._watch_torch)

    def _watch_torch(self) -> None:
        try:
            from unstuck.frameworks.torch import TorchWatcher

            watcher = TorchWatcher(self.recorder, self.spec.budget, thorough=self.spec.trial)
            watcher.install()
            self.watchers.append(watcher)
        except Exception as error:
            if self.spec.trial or os.environ.get("UNSTUCK_DEBUG"):
                raise
            print(f"unstuck: cannot watch torch ({error}); the script goes on", file=sys.stderr)
            return
        if self.spec.remedies:
            self._treat(watcher)

    def _treat(self, watcher: Any) -> None:
        from unstuck import registry
        from unstuck.frameworks.torch_treatment import Treatment
        from unstuck.record import read

        assert self.spec.control is not None
        control = next(
            run for run in read(self.spec.control).runs if run.index == self.spec.run
        )
        remedies = [(registry.remedy(name)(), values) for name, values in self.spec.remedies]
        self.treatment = Treatment(watcher.births, remedies, control)
        self.treatment.install()

    def finish(self) -> None:
        """Write everything that is left."""
        for watcher in self.watchers:
            watcher.finish()
        if self.treatment is not None:
            from unstuck.edits import to_json

            self.recorder.fact(
                "changes",
                [
                    {
                        "what": change.what,
                        "layers": list(change.layers),
                        "edit": None if change.edit is None else to_json(change.edit),
                    }
                    for change in self.treatment.changes
                ],
            )
        self.recorder.close()


def execute(spec: Spec, script: str, arguments: Sequence[str]) -> int:
    """Run `script` as ``python script`` would, watched; return its exit status.

    The script's own output, errors and warnings are its own; its traceback shows none of our
    frames.
    """
    watching = Watching(spec)
    recorder = watching.recorder
    recorder.fact("script", script)
    recorder.fact("arguments", list(arguments))
    sys.argv = [script, *arguments]
    _forget_ourselves()
    watching.start()
    status: int = 0
    try:
        if spec.module:
            sys.path[0] = os.getcwd()
            runpy.run_module(script, run_name="__main__", alter_sys=True)
        else:
            sys.path[0] = str(Path(script).resolve().parent)
            _run_file(script, spec.source or script)
    except SystemExit as leaving:
        status = _status(leaving)
    except KeyboardInterrupt:
        status = 130
        _show_traceback()
        recorder.fact(CRASHED, "KeyboardInterrupt")
    except BaseException as error:
        status = 1
        _show_traceback()
        recorder.fact(CRASHED, "".join(traceback.format_exception_only(error)).strip()[-500:])
    finally:
        recorder.fact("status", status)
        if spec.trial:
            recorder.fact("modules", _imported_packages())
        watching.finish()
    return status


def _run_file(script: str, source: str) -> None:
    with open(source, "rb") as file:
        code = compile(file.read(), script, "exec")
    module = types.ModuleType("__main__")
    module.__file__ = script
    module.__builtins__ = __builtins__  # type: ignore[attr-defined]
    module.__spec__ = None
    sys.modules["__main__"] = module
    exec(code, module.__dict__)


def _forget_ourselves() -> None:
    """Give the script the modules it would find without us: ours stay, `__main__` is its own."""
    sys.modules.pop("unstuck.runner.__main__", None)


def _status(leaving: SystemExit) -> int:
    if leaving.code is None:
        return 0
    if isinstance(leaving.code, int):
        return leaving.code
    print(leaving.code, file=sys.stderr)
    return 1


def _show_traceback() -> None:
    """Print the traceback as Python would have, without the frames of this file."""
    kind, error, trace = sys.exc_info()
    while trace is not None and _ours(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    sys.excepthook(kind or Exception, error or Exception(), trace)


def _ours(filename: str) -> bool:
    return filename == __file__ or filename.startswith("<frozen")


def _imported_packages() -> list[str]:
    """Return what a warm process may import ahead: installed packages that the script used."""
    return sorted(name for name in sys.modules if name in {"torch", "numpy", "sklearn", "pandas"})


def _shift_seeds(shift: int) -> None:
    """Make every seed that the script sets depend on `shift`, and set those it leaves open.

    Control and treated trials of one seed then see the same random numbers. Splits made with an
    explicit ``random_state`` stay as they are.
    """
    import random

    start = 20_240_229 + shift  # any number: the same in all trials of this seed
    step = 1_000_003 * shift
    random.seed(start)
    random.seed = _shifted(random.seed, step)

    def numpy_imported() -> None:
        import numpy as np

        np.random.seed(start)
        np.random.seed = _shifted(np.random.seed, step)
        np.random.default_rng = _shifted(np.random.default_rng, step, default=start)

    def torch_imported() -> None:
        import torch

        torch.manual_seed(start)
        torch.manual_seed = _shifted(torch.manual_seed, step)
        torch.random.manual_seed = torch.manual_seed
        original = torch.Generator.manual_seed

        class Generator(torch.Generator):  # type: ignore[misc]
            def manual_seed(self, seed: int) -> Any:
                return original(self, seed + step)

        torch.Generator = Generator  # type: ignore[misc]

    after_import("numpy", numpy_imported)
    after_import("torch", torch_imported)


def _shifted(function: Callable[..., Any], step: int, default: int | None = None) -> Any:
    def shifted(*args: Any, **kwargs: Any) -> Any:
        name = "a" if "a" in kwargs else "seed"
        if args and isinstance(args[0], int):
            args = ((args[0] + step) % 2**32, *args[1:])
        elif isinstance(kwargs.get(name), int):
            kwargs[name] = (kwargs[name] + step) % 2**32
        elif default is not None and not args and not kwargs:
            args = (default,)
        return function(*args, **kwargs)

    return shifted


def main() -> None:
    """Execute what the command line says; see the module's docstring."""
    spec, script, *arguments = sys.argv[1:]
    status = execute(Spec.from_json(spec), script, arguments)
    sys.stdout.flush()
    sys.exit(status)


if __name__ == "__main__":
    # The script becomes `__main__`; keep this module under its own name.
    sys.modules["unstuck.runner"] = sys.modules["__main__"]
    main()
