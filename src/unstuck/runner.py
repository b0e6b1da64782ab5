"""Runs a script or module under a watcher, the user's code unchanged.

``python -P -m unstuck.runner SPEC SCRIPT [ARGS...]`` is what `unstuck run` and every trial start,
in a process of its own: whatever happens to it, the record stays. Frameworks are hooked when the
script imports them, so a script that uses none pays nothing.
"""

from __future__ import annotations

import contextlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import linecache
import os
import runpy
import selectors
import signal
import sys
import traceback
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from unstuck.frameworks.wrapping import wrap
from unstuck.shadowing import give_way

if TYPE_CHECKING:
    from unstuck.remedies import Change

__all__ = ["COMMAND", "Spec", "StopTraining", "execute", "main", "run_child"]

COMMAND = (sys.executable, "-P", "-m", "unstuck.runner")
"""Starts this module; without ``-P`` files of the working directory would hide the library's."""
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
        run: Which of the control's runs is treated; its steps alone count. None: those of any run.
        sources: Path of a file -> path of the source to execute in its place, under its name.
        module: Whether the script is the name of a module (``-m``).
        trial: Whether this is a trial: inputs are measured throughout, budget does not bind.
        stop_on: ``error`` ends the run as soon as its loss is no finite number.
        stop_at: Number of steps after which the trial ends.
        pauses: Numbers of steps, ascending, after which the process stops itself (SIGSTOP) until
            it is continued.
        output: Where a trial's own output goes.
        folder: Where modules are looked for in place of the working directory, under ``-m``.
    """

    record: str
    budget: float = 0.01
    seed: int | None = None
    remedies: tuple[tuple[str, Mapping[str, float]], ...] = ()
    control: str | None = None
    run: int | None = None
    sources: Mapping[str, str] = field(default_factory=dict)
    module: bool = False
    trial: bool = False
    stop_on: str | None = None
    stop_at: int | None = None
    pauses: tuple[int, ...] = ()
    output: str | None = None
    folder: str | None = None

    def to_json(self) -> str:
        """Return the spec as one line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Spec:
        """Read a spec back from `to_json`."""
        data = json.loads(text)
        data["remedies"] = tuple((name, dict(values)) for name, values in data["remedies"])
        data["pauses"] = tuple(data["pauses"])
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


def _show(path: str, copy: str) -> None:
    """Let whoever looks up lines of a file find those that are executed in its place.

    A remedy that comes on top of a patch would not find the calls that it is to change otherwise.
    """
    lines = Path(copy).read_text(errors="replace").splitlines(keepends=True)
    linecache.cache[path] = (sum(map(len, lines)), None, lines, path)


class _PatchedSources(importlib.abc.MetaPathFinder):
    """Gives patched source to modules that the script imports, under their own names and files.

    Also to those whose files are not on this machine (see `unstuck.ray_executor`).
    """

    def __init__(self, sources: Mapping[str, str]) -> None:
        self.sources = sources
        for path, copy in sources.items():
            _show(path, copy)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        spec = importlib.machinery.PathFinder.find_spec(fullname, path)
        if spec is None:
            return self._elsewhere(fullname, sys.path if path is None else path)
        patched = self.sources.get(os.path.realpath(spec.origin)) if spec.origin else None
        if spec.origin is None or patched is None:
            return None
        spec.loader = _PatchedLoader(fullname, spec.origin, patched)
        return spec

    def _elsewhere(
        self, fullname: str, path: Sequence[str]
    ) -> importlib.machinery.ModuleSpec | None:
        """Find a module whose file is not on this machine."""
        for entry in path:
            stem = os.path.join(entry, fullname.rpartition(".")[2])
            for file, inside in ((f"{stem}/__init__.py", [stem]), (f"{stem}.py", None)):
                if file in self.sources:
                    loader = _PatchedLoader(fullname, file, self.sources[file])
                    return importlib.util.spec_from_file_location(
                        fullname, file, loader=loader, submodule_search_locations=inside
                    )
            if any(source.startswith(f"{stem}/") for source in self.sources):
                package = importlib.machinery.ModuleSpec(fullname, None, is_package=True)
                package.submodule_search_locations = [stem]
                return package
        return None


class _PatchedLoader(importlib.machinery.SourceFileLoader):
    def __init__(self, fullname: str, path: str, patched: str) -> None:
        super().__init__(fullname, path)
        self.patched = patched
        _show(path, patched)

    def get_code(self, fullname: str) -> types.CodeType:
        return compile(Path(self.patched).read_bytes(), self.path, "exec")


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
        self._undo: list[Callable[[], None]] = []
        self._adopting = False
        self._stopped = False
        self.treatment: Any = None

    def start(self, adopt: bool = False) -> None:
        """Attach to the frameworks, or wait until they are imported.

        Args:
            adopt: Whether models that were built before are watched as well.
        """
        self._adopting = adopt
        if self.spec.seed is not None:
            _shift_seeds(self.spec.seed)
        after_import("torch", self._watch_torch)
        after_import("keras", self._watch_keras)
        self._undo.append(wrap(os, "_exit", self._around_exit))
        self.recorder.commit()

    def _around_exit(self, original: Callable[[int], None]) -> Callable[[int], None]:
        """Write what has come in before a script leaves at once; nothing else is done there."""
        recorder = self.recorder

        def _exit(status: int) -> None:
            recorder.commit()
            original(status)

        return _exit

    def _watch_torch(self) -> None:
        if self._stopped:
            return
        try:
            from unstuck.frameworks.torch import TorchWatcher

            watcher = TorchWatcher(
                self.recorder,
                self.spec.budget,
                thorough=self.spec.trial,
                stop_at=self.spec.stop_at,
                stop_on=self.spec.stop_on,
                pauses=self.spec.pauses,
                counted=self.spec.run,
            )
            watcher.install()
            if self._adopting:
                watcher.births.adopt()
            self.watchers.insert(0, watcher)
        except Exception as error:
            self._cannot("torch", error)
            return
        if self.spec.remedies:
            self._treat(watcher)

    def _watch_keras(self) -> None:
        if self._stopped:
            return
        try:
            from unstuck.frameworks.keras import KerasWatcher

            watcher = KerasWatcher(
                self.recorder,
                self.spec.budget,
                stop_at=self.spec.stop_at,
                stop_on=self.spec.stop_on,
                pauses=self.spec.pauses,
                counted=self.spec.run,
                others=self.watchers,
            )
            watcher.install()
            if self._adopting:
                watcher.births.adopt()
            self.watchers.append(watcher)
        except Exception as error:
            self._cannot("keras", error)

    def _cannot(self, framework: str, error: Exception) -> None:
        """Say that a framework cannot be watched; a trial of such a script makes no sense."""
        if self.spec.trial or os.environ.get("UNSTUCK_DEBUG"):
            raise error
        _say(f"cannot watch {framework} ({error}); the script goes on")

    def _treat(self, watcher: Any) -> None:
        from unstuck import registry
        from unstuck.frameworks.torch_treatment import Treatment
        from unstuck.record import read

        assert self.spec.control is not None
        control = next(run for run in read(self.spec.control).runs if run.index == self.spec.run)
        remedies = [(registry.remedy(name)(), values) for name, values in self.spec.remedies]
        self.treatment = Treatment(watcher.births, remedies, control)
        # A trial that would only repeat the control costs nothing.
        self.treatment.stop_without_effect = True
        self.treatment.report = self._note_changes
        self.treatment.install()

    def _note_changes(self, changes: Sequence[Change]) -> None:
        """Write what the treatment changed, with the edits that say the same, as soon as it did."""
        from unstuck.edits import to_json

        self.recorder.fact(
            "changes",
            [
                {
                    "what": change.what,
                    "layers": list(change.layers),
                    "edit": None if change.edit is None else to_json(change.edit),
                }
                for change in changes
            ],
        )
        self.recorder.commit()

    def stop(self) -> None:
        """Detach from the frameworks; nothing is watched any more."""
        self._stopped = True
        for undo in self._undo:
            undo()
        for watcher in self.watchers:
            watcher.uninstall()

    def finish(self) -> None:
        """Write everything that is left."""
        for watcher in self.watchers:
            watcher.finish()
        self.recorder.close()
        if self.recorder.broken is not None and not self.spec.trial:
            _say(self.recorder.broken)


def _say(line: str) -> None:
    """Print a line of ours, also where standard error is closed or full."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        print(f"unstuck: {line}", file=sys.stderr)


def _watching(spec: Spec) -> Watching | None:
    """Return the watcher of this process; None where the record cannot be written.

    Raises:
        RecordError: When it cannot be written for a trial.
    """
    from unstuck.record import RecordError

    try:
        return Watching(spec)
    except RecordError as error:
        if spec.trial:
            raise
        _say(f"{error}; the script runs unwatched")
        return None


def execute(spec: Spec, script: str | Callable[[], object], arguments: Sequence[str] = ()) -> int:
    """Run `script` as ``python script`` would, or call it, watched; return its exit status.

    The script's own output, errors and warnings are its own; its traceback shows none of our
    frames.
    """
    watching = _watching(spec)

    def note(key: str, value: Any) -> None:
        if watching is not None:
            watching.recorder.fact(key, value)

    note("script", script if isinstance(script, str) else script.__name__)
    note("arguments", list(arguments))
    if isinstance(script, str):
        sys.argv = [script, *arguments]
    if spec.sources:
        sys.meta_path.insert(0, _PatchedSources(spec.sources))
    if watching is not None:
        watching.start()
    status: int = 0
    try:
        if not isinstance(script, str):
            script()
        elif spec.module:
            _enter(spec.folder or os.getcwd())
            runpy.run_module(script, run_name="__main__", alter_sys=True)
        else:
            _enter(str(Path(script).resolve().parent))
            _run_file(script, spec.sources.get(os.path.realpath(script), script))
    except StopTraining:
        note("stopped", spec.stop_at)
        if spec.stop_on is not None:
            status = 1
            print("unstuck: the run was stopped: its loss is not finite", file=sys.stderr)
    except SystemExit as leaving:
        status = _status(leaving)
    except KeyboardInterrupt:
        status = 130
        _show_traceback()
        note(CRASHED, "KeyboardInterrupt")
    except BaseException as error:
        status = 1
        _show_traceback()
        note(CRASHED, _title(error)[-500:])
    finally:
        note("status", status)
        if watching is not None:
            watching.finish()
    return status


def _enter(folder: str) -> None:
    """Let modules be found in the script's folder first, as Python itself would."""
    give_way(folder)
    sys.path.insert(0, folder)


def _run_file(script: str, source: str) -> None:
    patched = source != script
    script = os.path.abspath(script)  # as Python itself names it
    if patched:
        _show(script, source)
    with open(source, "rb") as file:
        code = compile(file.read(), script, "exec", dont_inherit=True)
    module = types.ModuleType("__main__")
    module.__file__ = script
    module.__builtins__ = __builtins__  # type: ignore[attr-defined]
    module.__spec__ = None
    sys.modules["__main__"] = module
    exec(code, module.__dict__)


def _status(leaving: SystemExit) -> int:
    if leaving.code is None:
        return 0
    if isinstance(leaving.code, int):
        return leaving.code
    print(leaving.code, file=sys.stderr)
    return 1


def _show_traceback() -> None:
    """Print the traceback as Python would have, without frames of ours."""
    kind, error, _ = sys.exc_info()
    chain, seen = [error], set[int]()
    while chain:
        link = chain.pop()
        if link is not None and id(link) not in seen:
            seen.add(id(link))
            link.__traceback__ = _without_ours(link.__traceback__)
            chain += [link.__cause__, link.__context__]
    assert kind is not None
    assert error is not None
    sys.excepthook(kind, error, error.__traceback__)


def _title(error: BaseException) -> str:
    """Return how a traceback ends, without the notes behind it (JAX adds some)."""
    summary = traceback.TracebackException.from_exception(error, limit=0)
    summary.__notes__ = None
    return "".join(summary.format_exception_only()).strip()


def _without_ours(trace: types.TracebackType | None) -> types.TracebackType | None:
    kept = []
    while trace is not None:
        if not trace.tb_frame.f_code.co_filename.startswith(_OURS):
            kept.append(trace)
        trace = trace.tb_next
    for one, following in zip(kept, [*kept[1:], None], strict=True):
        one.tb_next = following
    return kept[0] if kept else None


_OURS = (os.path.dirname(os.path.abspath(__file__)) + os.sep, "<frozen runpy")


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

        torch.Generator = Generator

    def tensorflow_imported() -> None:
        import tensorflow as tf

        tf.random.set_seed(start)
        tf.random.set_seed = _shifted(tf.random.set_seed, step)

    after_import("numpy", numpy_imported)
    after_import("torch", torch_imported)
    after_import("tensorflow", tensorflow_imported)
    if step:
        after_import("keras", lambda: _shift_keras(step))


def _shift_keras(step: int) -> None:
    """Shift the seeds that Keras is given; what it draws by itself comes from `random`."""
    from keras.src.initializers.random_initializers import RandomInitializer
    from keras.src.random.seed_generator import SeedGenerator
    from keras.src.utils import rng_utils

    def shifting(original: Callable[..., None]) -> Callable[..., None]:
        def __init__(made: Any, seed: Any = None, *args: Any, **kwargs: Any) -> None:  # noqa: N807
            if type(seed) is int:
                seed = (seed + step) % 2**31
            original(made, seed, *args, **kwargs)

        return __init__

    for kind in (RandomInitializer, SeedGenerator):
        kind.__init__ = shifting(kind.__init__)
    original: Callable[..., Any] = vars(rng_utils)["set_random_seed"]
    for name, module in list(sys.modules.items()):
        if name.startswith("keras") and vars(module).get("set_random_seed") is original:
            vars(module)["set_random_seed"] = _shifted(original, step)


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


class StopTraining(BaseException):
    """Ends a trial after its last step; no `except Exception` of the script's catches it."""


def serve() -> None:
    """Run trials in children of this process, which has imported the frameworks once.

    Reads one JSON object a line from standard input: ``{"job": 7, "spec": {...}, "script": "...",
    "arguments": [...]}`` starts a child, ``{"environment": {...}, "preload": [...]}`` sets
    variables and imports modules. Answers with ``{"job": 7, "pid": 123}`` when it starts,
    ``{"job": 7, "paused": true}`` when it has stopped itself, and ``{"job": 7, "status": 0}`` when
    it has ended.
    """
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what an import prints is no answer
    running: dict[int, int] = {}
    selector = selectors.DefaultSelector()
    selector.register(0, selectors.EVENT_READ)
    pending = b""
    while True:
        if selector.select(timeout=0.01 if running else None):
            received = os.read(0, 65536)
            if not received:
                break
            *lines, pending = (pending + received).split(b"\n")
            for line in lines:
                _answer(json.loads(line), running, answers)
        for pid, job in list(running.items()):
            changed, status = os.waitpid(pid, os.WNOHANG | os.WUNTRACED)
            if changed and os.WIFSTOPPED(status):
                answers.write(json.dumps({"job": job, "paused": True}) + "\n")
            elif changed:
                del running[pid]
                code = os.waitstatus_to_exitcode(status)
                answers.write(json.dumps({"job": job, "status": code}) + "\n")
    for pid in running:
        os.kill(pid, signal.SIGKILL)


def _answer(order: Mapping[str, Any], running: dict[int, int], answers: Any) -> None:
    os.environ.update(order.get("environment", {}))
    for name in order.get("preload", ()):
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    if "job" not in order:
        return
    pid = os.fork()
    if pid == 0:
        run_child(Spec.from_json(order["spec"]), order["script"], order["arguments"])
    running[pid] = order["job"]
    answers.write(json.dumps({"job": order["job"], "pid": pid}) + "\n")


def run_child(
    spec: Spec, script: str | Callable[[], object], arguments: Sequence[str] = ()
) -> NoReturn:
    """Run a trial in this process, a child that was just forked, and leave."""
    status = 1
    try:
        os.setpgid(0, 0)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        out = os.open(spec.output or os.devnull, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(out, 1)
        os.dup2(out, 2)
        sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)
        sys.stdout.reconfigure(write_through=True)
        sys.stderr.reconfigure(write_through=True)
        status = execute(spec, script, arguments)
        sys.stdout.flush()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status if 0 <= status < 256 else 1)


def main() -> None:
    """Execute what the command line says; see the module's docstring."""
    if sys.argv[1:] == ["--serve"]:
        serve()
        return
    spec, script, *arguments = sys.argv[1:]
    from unstuck.record import RecordError

    try:
        sys.exit(execute(Spec.from_json(spec), script, arguments))
    except RecordError as error:  # before the script began
        sys.exit(f"unstuck: {error}")


if __name__ == "__main__":
    # The script becomes `__main__`; keep this module under its own name.
    sys.modules["unstuck.runner"] = sys.modules["__main__"]
    main()
