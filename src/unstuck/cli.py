"""The verbs: run, check, fix, compare, report, explain, rules."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from unstuck import __version__

if TYPE_CHECKING:
    from rich.console import Console

    from unstuck.config import Configuration
    from unstuck.following import StatusLine
    from unstuck.record import Recording
    from unstuck.report import Report

__all__ = ["main"]

OURS = 2
"""Exit status of unstuck's own failures."""
INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it."""
FORMATS = ("text", "json", "github", "sarif")
SCRIPT = {"ignore_unknown_options": True, "allow_interspersed_args": False}


class _Failure(click.ClickException):
    """One line of what and one of what to do; exit status 2."""

    def __init__(self, message: str, status: int = OURS) -> None:
        super().__init__(message)
        self.exit_code = status  # type: ignore[misc]

    def show(self, file: Any = None) -> None:
        click.echo(f"unstuck: {self.message}", err=True)


def _stop(message: str, status: int = OURS) -> NoReturn:
    raise _Failure(message, status)


class _Verbs(click.Group):
    """The verbs; every one of them may meet a plug-in that clashes with another."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except Exception as error:
            from unstuck.registry import ClashError

            if isinstance(error, ClashError):
                _stop(f"{error}; uninstall one of them")
            if isinstance(error, (click.ClickException, click.exceptions.Exit, click.Abort)):
                raise
            if os.environ.get("UNSTUCK_DEBUG"):
                raise
            kind = f"{type(error).__name__}: {error}".splitlines()[0]
            _stop(f"a mistake of unstuck's own ({kind}); with UNSTUCK_DEBUG=1 it says where")


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="unstuck")
def main() -> None:
    """Find what stops a neural network from training, fix it, prove the fix."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal may not know every character
            stream.reconfigure(errors="replace")


def _shared(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that `run`, `check` and `fix` have in common."""
    for option in (
        click.option(
            "--format",
            "format_",
            type=click.Choice(FORMATS),
            default="text",
            show_default=True,
            help="How findings are written.",
        ),
        click.option("--output", type=click.Path(dir_okay=False), help="Write findings there."),
        click.option("--select", multiple=True, help="Names or codes; several with commas."),
        click.option("--ignore", multiple=True, help="Names or codes; several with commas."),
        click.option("-v", "--verbose", is_flag=True, help="Also remarks and consequences."),
    ):
        command = option(command)
    return command


def _pictured(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option of `run` and `fix` that writes a page with pictures."""
    path = click.Path(dir_okay=False)
    option = click.option("--report", "picture", type=path, help="Write a page with pictures.")
    return option(command)


def _of_script(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what `run` and `fix` execute: a script or module, and its arguments."""
    for parameter in (
        click.argument("arguments", nargs=-1, type=click.UNPROCESSED),
        click.argument("script"),
        click.option("-m", "module", is_flag=True, help="SCRIPT is the name of a module."),
    ):
        command = parameter(command)
    return command


_to = click.option(
    "--to",
    "trackers",
    multiple=True,
    type=click.Choice(["tensorboard", "wandb", "mlflow"]),
    help="Also send findings and summary signals there.",
)


# -------------------------------------------------------------------------------- run


@main.command(context_settings=SCRIPT)
@click.option("--record", type=click.Path(dir_okay=False), help="Where to write the record.")
@click.option("--stop-on", type=click.Choice(["error"]), help="End the run at such a finding.")
@click.option(
    "--fail-on",
    type=click.Choice(["info", "warning", "error"]),
    help="Exit with 1 if a finding is at least that severe.",
)
@click.option("--budget", help="Share of the time that watching may cost.  [default: 1%]")
@_to
@click.option("--status/--no-status", default=True, help="A line while it runs, on a terminal.")
@_pictured
@_shared
@_of_script
def run(
    record: str | None,
    stop_on: str | None,
    fail_on: str | None,
    budget: str | None,
    trackers: tuple[str, ...],
    status: bool,
    module: bool,
    picture: str | None,
    format_: str,
    output: str | None,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    verbose: bool,
    script: str,
    arguments: tuple[str, ...],
) -> None:
    """Run SCRIPT as it is, watched; its output and exit status pass through."""
    configuration = _configuration()
    chosen = _obstacles(configuration, select, ignore)
    share = _share(budget or configuration.budget)
    _need_script(script, module)
    _need_writable(output)
    _need_packages(trackers)
    _need_writable(picture)
    from unstuck.runner import Spec

    if os.environ.get("RANK", "0") != "0" and "WORLD_SIZE" in os.environ:
        # Under torchrun, the first rank writes and diagnoses for all.
        with tempfile.TemporaryDirectory(prefix="unstuck-") as folder:
            spec = Spec(os.path.join(folder, "run.db"), share, module=module, stop_on=stop_on)
            sys.exit(_leave(_run_child(spec, script, arguments)))
    path = _record_path(record, script)
    spec = Spec(record=path, budget=share, module=module, stop_on=stop_on)
    line = _status_line(path, chosen, configuration) if status else None
    left = _run_child(spec, script, arguments, line)
    report = _report(path, chosen, configuration, verbose)
    if report is None:
        sys.exit(_leave(left))
    _show([report], format_, output, sys.stderr)
    _send([report], trackers)
    _draw(report, picture)
    if left == 0 and fail_on is not None:
        ranks = ("info", "warning", "error")
        worst = max((f.severity.rank for f in report.findings), default=-1)
        left = int(worst >= ranks.index(fail_on))
    sys.exit(_leave(left))


def _status_line(record: str, chosen: list[Any], configuration: Configuration) -> StatusLine | None:
    """Return what says how the run goes; None where no person looks at a terminal."""
    if not sys.stderr.isatty() or os.environ.get("TERM", "dumb") == "dumb":
        return None
    from unstuck.following import Following, StatusLine

    following = Following(record, chosen, configuration.thresholds, configuration.keep)
    return StatusLine(following, sys.stderr.fileno())


def _run_child(
    spec: Any, script: str, arguments: Sequence[str], line: StatusLine | None = None
) -> int:
    """Run the script in a process of its own; Ctrl-C goes to it, we wait."""
    from unstuck.runner import COMMAND

    command = [*COMMAND, spec.to_json(), script, *arguments]
    child = subprocess.Popen(command)
    handlers = {
        number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGQUIT)
    }
    handlers[signal.SIGTERM] = signal.signal(
        signal.SIGTERM, lambda *_: child.send_signal(signal.SIGTERM)
    )
    try:
        while line is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return child.wait(timeout=0.5)
            line.refresh()
        return child.wait()
    finally:
        if line is not None:
            line.end()
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _leave(status: int) -> int:
    """Return a child's exit status as a shell gives it: 128 + n for signal n."""
    return 128 - status if status < 0 else status


# -------------------------------------------------------------------------------- check


@main.command()
@_to
@_shared
@click.argument("records", nargs=-1, required=True, metavar="RECORD|LOG...")
def check(
    trackers: tuple[str, ...],
    format_: str,
    output: str | None,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    verbose: bool,
    records: tuple[str, ...],
) -> None:
    """Diagnose again from what was recorded; needs no framework.

    A LOG is what others write: TensorBoard's event files or their folder, Keras' CSVLogger,
    Lightning's metrics.csv, the Transformers trainer's trainer_state.json, or any CSV or JSON lines
    with a column for the training loss. Less can be judged from it; what can't is listed.
    """
    configuration = _configuration()
    chosen = _obstacles(configuration, select, ignore)
    _need_writable(output)
    _need_packages(trackers)
    from unstuck.logs import LogError
    from unstuck.record import RecordError

    try:
        reports = [_diagnosed(record, chosen, configuration, verbose) for record in records]
    except LogError as error:
        _stop(str(error))
    except RecordError as error:
        _stop(f"{error}; `unstuck run SCRIPT` writes one")
    _show(reports, format_, output, sys.stdout)
    _send(reports, trackers)
    sys.exit(int(any(f.severity.rank for report in reports for f in report.findings)))


# -------------------------------------------------------------------------------- fix


@main.command(context_settings=SCRIPT)
@click.option("--metric", help="Regular expression with one group over the script's output.")
@click.option("--goal", type=click.Choice(["max", "min"]), default="max", show_default=True)
@click.option("--budget", default="10m", show_default=True, help="Such as 10m, or 3x the run.")
@click.option("--seeds", type=click.IntRange(3, 20), default=3, show_default=True)
@click.option("--executor", type=click.Choice(["local", "ray"]), default="local", show_default=True)
@click.option("--ray-address", help="Of the Ray cluster.  [default: a local one]")
@click.option("--workers", type=click.IntRange(1, 256), help="Trials at once.")
@click.option("--diff", type=click.Path(dir_okay=False), help="Write the patch there.")
@click.option("--apply", "apply_", is_flag=True, help="Write the patch into the script.")
@_pictured
@_shared
@_of_script
def fix(
    metric: str | None,
    goal: str,
    budget: str,
    seeds: int,
    executor: str,
    ray_address: str | None,
    workers: int | None,
    diff: str | None,
    apply_: bool,
    module: bool,
    picture: str | None,
    format_: str,
    output: str | None,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    verbose: bool,
    script: str,
    arguments: tuple[str, ...],
) -> None:
    """Try remedies on SCRIPT in controlled re-runs; print the proof and the patch."""
    from unstuck.bench import FixError, Options, parse_budget
    from unstuck.repair import repair
    from unstuck.trials import Target

    configuration = _configuration()
    chosen = _obstacles(configuration, select, ignore)
    _need_script(script, module)
    _need_writable(output)
    _need_writable(diff)
    _need_writable(picture)
    if apply_ and not module and not os.access(script, os.W_OK):
        _stop(f"{script} cannot be written; leave out --apply to see the patch")
    try:
        seconds, ratio = parse_budget(budget)
    except ValueError as error:
        _stop(str(error))
    _need_metric(metric)
    if ray_address is not None and executor != "ray":
        _stop("--ray-address goes with --executor ray")
    options = Options(
        metric=metric,
        goal=goal,
        seconds=seconds,
        ratio=ratio,
        seeds=seeds,
        workers=workers,
        executor=executor,
        ray_address=ray_address,
        obstacles=chosen,
        thresholds=configuration.thresholds,
    )
    live = _Live()
    try:
        result = repair(Target(script, tuple(arguments), module), options, live.say)
    except FixError as error:
        live.end()
        _stop(str(error).removeprefix("unstuck: "), error.status)
    live.end()
    if result.recording is None:
        _stop("interrupted before anything was measured", INTERRUPTED)
    report = result.report(verbose=verbose)
    _show([report], format_, output, sys.stdout)
    _draw(report, picture)
    if diff is not None and result.verdict.patch:
        _write(diff, result.verdict.patch)
    if result.interrupted:
        sys.exit(INTERRUPTED)
    if apply_ and result.patched:
        from unstuck.patch import write_atomically

        for path, source in result.patched.items():
            write_atomically(Path(path), source)
            click.echo(f"unstuck: {os.path.relpath(path)} written", err=True)
    elif result.verdict.patch and format_ == "text" and output is None:
        click.echo(f"unstuck: `unstuck fix --apply {script}` writes it", err=True)
    sys.exit(int(result.verdict.status == "no-fix-found"))


# -------------------------------------------------------------------------------- compare


@main.command(
    "compare", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": True}
)
@click.option(
    "--remedy",
    "remedies",
    multiple=True,
    required=True,
    help="NAME, NAME=SETTING, or several joined by +; repeat it for more of them.",
)
@click.option("--metric", help="Regular expression with one group over the script's output.")
@click.option("--goal", type=click.Choice(["max", "min"]), default="max", show_default=True)
@click.option("--budget", default="10m", show_default=True, help="Such as 10m.")
@click.option("--seeds", type=click.IntRange(1, 20), default=3, show_default=True)
@click.option("--workers", type=click.IntRange(1, 256), help="Trials at once.")
@click.option("--picture", type=click.Path(dir_okay=False), help="Write a page with the curves.")
@click.option(
    "--format", "format_", type=click.Choice(["text", "json", "markdown"]), default="text"
)
@click.option("--output", type=click.Path(dir_okay=False), help="Write the table there.")
@_of_script
def compare(
    remedies: tuple[str, ...],
    metric: str | None,
    goal: str,
    budget: str,
    seeds: int,
    workers: int | None,
    picture: str | None,
    format_: str,
    output: str | None,
    module: bool,
    script: str,
    arguments: tuple[str, ...],
) -> None:
    """Train SCRIPT as it is and with each --remedy, on the same seeds, side by side.

    What follows -- goes to the script.
    """
    from unstuck.bench import FixError, Options, parse_budget
    from unstuck.side_by_side import compare as run
    from unstuck.trials import Target

    configuration = _configuration()
    _need_script(script, module)
    _need_writable(output)
    _need_writable(picture)
    _need_metric(metric)
    live = _Live()
    try:
        options = Options(
            metric=metric,
            goal=goal,
            seconds=parse_budget(budget)[0],
            seeds=seeds,
            workers=workers,
            thresholds=configuration.thresholds,
        )
        compared = run(Target(script, arguments, module), remedies, options, live.say)
    except FixError as error:
        live.end()
        _stop(str(error), error.status)
    except ValueError as error:
        live.end()
        _stop(str(error))
    live.end()
    from unstuck.report.table import markdown, table

    if format_ == "json":
        shown = json.dumps({"schema": 1, "unstuck": __version__, **compared.to_json()}, indent=2)
    else:
        shown = markdown(compared)
    if output is not None:
        _write(output, shown + "\n")
    elif format_ == "text":
        _console(sys.stdout).print(table(compared))
    else:
        click.echo(shown)
    if picture is not None:
        from unstuck.report.html import comparison

        _write(picture, comparison(compared, f"{os.path.basename(script)}: remedies side by side"))


class _Live:
    """What a fix is doing, in one line that replaces itself on a terminal."""

    def __init__(self) -> None:
        self._status: Any = None

    def say(self, line: str) -> None:
        """Show what goes on."""
        if not sys.stderr.isatty():
            click.echo(f"unstuck: {line}", err=True)
            return
        if self._status is None:
            self._status = _console(sys.stderr).status(line)
            self._status.start()
        self._status.update(line)

    def end(self) -> None:
        """Take the line away."""
        if self._status is not None:
            self._status.stop()


# -------------------------------------------------------------------------------- report


@main.command()
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="Write the page there.")
@click.option("--live", is_flag=True, help="Serve it to this machine while the record grows.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Of --live; 0 for any.")
@click.option("--select", multiple=True, help="Names or codes; several with commas.")
@click.option("--ignore", multiple=True, help="Names or codes; several with commas.")
@click.option("-v", "--verbose", is_flag=True, help="Also remarks.")
@click.argument("record", metavar="RECORD|LOG")
def report(
    output: str | None,
    live: bool,
    port: int,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    verbose: bool,
    record: str,
) -> None:
    """Write what was recorded as one page with pictures; it opens without a network."""
    from unstuck.logs import LogError
    from unstuck.record import RecordError

    if live == (output is not None):
        _stop("where to? -o FILE writes the page, --live serves it")
    configuration = _configuration()
    chosen = _obstacles(configuration, select, ignore)
    _need_writable(output)
    try:
        found = _diagnosed(record, chosen, configuration, verbose)
    except LogError as error:
        _stop(str(error))
    except RecordError as error:
        _stop(f"{error}; `unstuck run SCRIPT` writes one")
    if output is not None:
        _draw(found, output)
        return
    from unstuck.report.server import Server

    try:
        server = Server(record, lambda: _diagnosed(record, chosen, configuration, verbose), port)
    except OSError as error:
        _stop(f"port {port} cannot be used: {error.strerror}")
    click.echo(f"unstuck: {server.address} shows it as it grows; Ctrl-C ends", err=True)
    with contextlib.suppress(KeyboardInterrupt):
        server.serve()


def _draw(report: Report, path: str | None) -> None:
    """Write a report as a page, if a path is given."""
    if path is not None:
        from unstuck.report.html import page

        _write(path, page(report))
        click.echo(f"unstuck: {path} written", err=True)


# -------------------------------------------------------------------------------- explain, rules


@main.command()
@click.argument("name")
def explain(name: str) -> None:
    """Print what an obstacle or a remedy is, by NAME or code."""
    import inspect

    from unstuck import registry

    try:
        found: Any = registry.named(name)
    except registry.UnknownNameError as error:
        _stop(str(error))
    if found.name() in registry.remedies():
        click.echo(f"{found.name()} ({found.applicability.value})\n")
        click.echo(inspect.getdoc(found))
        curing = [k for k, o in registry.obstacles().items() if found.name() in o.remedies]
        click.echo(f"\nCures:\n    {', '.join(curing) or 'nothing by itself'}")
    else:
        click.echo(f"{found.name()} [{found.code}]\n")
        click.echo(inspect.getdoc(found))
        values = "\n".join(f"    {k} = {v}" for k, v in found.thresholds().items())
        click.echo(f"\nThresholds:\n{values or '    none'}")
        click.echo(f"\nRemedies by name:\n    {', '.join(found.remedies)}")


@main.command()
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text")
def rules(format_: str) -> None:
    """List the obstacles and the remedies."""
    from unstuck import registry

    obstacles = registry.obstacles()
    remedies = registry.remedies()
    if format_ == "json":
        data = {
            "obstacles": [
                {
                    "code": kind.code,
                    "name": name,
                    "summary": _summary(kind),
                    "remedies": list(kind.remedies),
                    "thresholds": kind.thresholds(),
                }
                for name, kind in obstacles.items()
            ],
            "remedies": [
                {
                    "name": name,
                    "summary": _summary(kind),
                    "applicability": kind.applicability.value,
                }
                for name, kind in remedies.items()
            ],
        }
        click.echo(json.dumps(data, indent=2))
        return
    for name, obstacle in obstacles.items():
        click.echo(f"{obstacle.code}  {name:<28} {_summary(obstacle)}")
    click.echo()
    for name, remedy in remedies.items():
        click.echo(f"{remedy.applicability.value:<7} {name:<26} {_summary(remedy)}")


def _summary(kind: type) -> str:
    return (kind.__doc__ or "").strip().partition("\n")[0]


# -------------------------------------------------------------------------------- what they share


def _configuration() -> Configuration:
    from unstuck.config import ConfigurationError, load

    try:
        return load(Path.cwd())
    except ConfigurationError as error:
        _stop(str(error))


def _obstacles(
    configuration: Configuration, select: Sequence[str], ignore: Sequence[str]
) -> list[Any]:
    from unstuck import registry

    try:
        return registry.select(
            _names(select) or configuration.select, [*_names(ignore), *configuration.ignore]
        )
    except registry.UnknownNameError as error:
        _stop(str(error))


def _names(given: Sequence[str]) -> list[str]:
    return [name.strip() for part in given for name in part.split(",") if name.strip()]


def _share(text: str) -> float:
    from unstuck.config import share

    try:
        return share(text)
    except ValueError as error:
        _stop(f"--budget: {error}")


def _need_script(script: str, module: bool) -> None:
    if module:
        import importlib.util

        sys.path.insert(0, os.getcwd())
        try:
            known = importlib.util.find_spec(script) is not None
        except (ImportError, ValueError):
            known = False
        finally:
            sys.path.pop(0)
        if not known:
            _stop(f"there is no module named {script}")
        return
    path = Path(script)
    if not path.exists():
        _stop(f"there is no file {script}")
    if path.is_dir():
        _stop(f"{script} is a directory; name the script in it")
    try:
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(path.read_bytes(), script, "exec", dont_inherit=True)
    except OSError as error:
        _stop(f"{script} cannot be read: {error.strerror}")
    except (SyntaxError, ValueError) as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        message = error.msg if isinstance(error, SyntaxError) else str(error)
        _stop(f"{script} is not Python{line}: {message}")


def _need_writable(path: str | None) -> None:
    if path is None:
        return
    folder = Path(path).resolve().parent
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        _stop(f"{path} cannot be written: {folder} is not a writable directory")


def _need_packages(trackers: Sequence[str]) -> None:
    for tracker in trackers:
        from unstuck.trackers import missing

        if (said := missing(tracker)) is not None:
            _stop(said)


def _send(reports: Sequence[Report], trackers: Sequence[str]) -> None:
    """Send reports; a tracker that fails costs one line, neither the run nor its exit status."""
    for tracker in trackers:
        from unstuck.trackers import send

        for report in reports:
            try:
                place = send(report, tracker)
            except Exception as error:
                said = f"{type(error).__name__}: {error}".splitlines()[0]
                click.echo(f"unstuck: nothing was sent to {tracker} ({said})", err=True)
            else:
                click.echo(f"unstuck: sent to {tracker}: {place}", err=True)


def _need_metric(metric: str | None) -> None:
    if metric is None:
        return
    import re

    try:
        groups = re.compile(metric).groups
    except re.error as error:
        _stop(f"--metric is no regular expression: {error}")
    if groups != 1:
        _stop("--metric needs one group around the number, such as 'accuracy: ([0-9.]+)'")


def _record_path(record: str | None, script: str) -> str:
    """Return where the record goes: as asked, ``.unstuck/SCRIPT.db``, a temporary file."""
    from unstuck.record import foreign
    from unstuck.resume import own_folder

    if record is not None:
        _need_writable(record)
        if foreign(Path(record)):
            _stop(f"{record} is no record and is not overwritten; name another file")
        return record
    try:
        folder = own_folder()
    except OSError:
        folder = Path(tempfile.mkdtemp(prefix="unstuck-"))
        click.echo(f"unstuck: this directory is not writable, the record is in {folder}", err=True)
    path = folder / f"{Path(script).stem}.db"
    path.unlink(missing_ok=True)  # whatever it is, this directory is ours
    return str(path)


def _report(
    path: str, chosen: list[Any], configuration: Configuration, verbose: bool
) -> Report | None:
    from unstuck.record import RecordError

    try:
        return _diagnosed(path, chosen, configuration, verbose)
    except RecordError as error:
        click.echo(f"unstuck: {error}", err=True)
        return None


def _diagnosed(path: str, chosen: list[Any], configuration: Configuration, verbose: bool) -> Report:
    from unstuck import logs, record
    from unstuck.diagnosis import diagnose, rearrange
    from unstuck.report import Report

    is_record = record.foreign(Path(path)) is False and Path(path).is_file()
    recording: Recording = record.read(path) if is_record else logs.read(path)
    unjudged = logs.beyond(recording, chosen)
    asked = [kind for kind in chosen if kind.name() not in unjudged]
    findings = diagnose(recording, asked, configuration.thresholds)
    kept = configuration.keep(findings)
    if len(kept) < len(findings):
        kept = rearrange(kept)
    return Report(recording, kept, verbose=verbose, unjudged=unjudged)


def _write(path: str, text: str) -> None:
    try:
        Path(path).write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        _stop(f"{path} cannot be written: {error.strerror}")


def _console(stream: Any) -> Console:
    from rich.console import Console

    return Console(file=stream, highlight=False)


def _show(reports: Sequence[Report], format_: str, output: str | None, stream: Any) -> None:
    if format_ == "text" and output is None:
        from unstuck.report.text import write

        for report in reports:
            write(report, _console(stream))
        return
    text = _rendered(reports, format_)
    if output is None:
        click.echo(text, nl=False, file=stream)
    else:
        _write(output, text)


def _rendered(reports: Sequence[Report], format_: str) -> str:
    import importlib

    render = importlib.import_module(f"unstuck.report.{format_}").render
    if format_ == "sarif":
        return str(render(reports))
    return "".join(render(report) for report in reports)
