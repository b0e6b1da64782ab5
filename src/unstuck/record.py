"""The run's file: SQLite in WAL mode, appended while training, readable while it grows.

One table holds facts as JSON; one names the sources (a run, a layer, its signals); one holds deep
samples, a row each with float32 values in the order of the source's signals; one holds chunks of
what is measured every step. Nothing is ever unpickled. A writer that is killed loses at most what
came in during half a second (see `Recorder.is_due`). However long a run is, its record stays small:
of what came long ago, only the extremes are kept, the more sparsely the more there is of it.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import math
import os
import signal
import sqlite3
import threading
import time
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from unstuck.findings import Location
from unstuck.signals import Activation, Layer, Loss, Optimizer, Run, Series

__all__ = ["RecordError", "Recorder", "Recording", "foreign", "latest", "read", "snapshot"]

SCHEMA_VERSION = 1
APPLICATION = b"unst"
"""Marks a database as a record (bytes 68 to 71 of the file): no other file is ever overwritten."""
COMMIT_SECONDS = 0.5
"""So long do values wait in memory for the next step's end: promise 5, everything up to the last
second, also where a step takes as long again."""
PAUSE_SECONDS = 0.1
"""So long do they wait where a pause may follow: a validation pass, an epoch's end, compiling."""
REST = 100
"""After a commit, none follows for so many times as long as it took: 1 % of the time at most, the
default budget, however slow the disk is and however much waits because it cannot be written."""
PATIENCE = 1.0
"""Seconds that the last commit waits for another process to let go of the file."""

CHUNK = 1024
"""Values in a row of `chunks`, after which the next row begins: the recent past."""
PLAIN = 2**20
"""Values of a series that are kept as they come; of those after them, only the extremes."""
ROWS = 2**14
"""Samples of a source that are kept as they come; as many again while their number doubles."""
BLOCK = 16
"""Values of which the least and the greatest are kept at first; twice as many when there are twice
as many values."""
WAITING = 2**16
"""Rows that wait in memory while the file cannot be written; then the record is given up."""

_TABLES = """
CREATE TABLE IF NOT EXISTS facts (run INTEGER, key TEXT, value TEXT, PRIMARY KEY (run, key));
CREATE TABLE IF NOT EXISTS sources (id INTEGER PRIMARY KEY, run INTEGER, layer TEXT, signals TEXT);
CREATE TABLE IF NOT EXISTS samples (source INTEGER, step INTEGER, data BLOB);
CREATE TABLE IF NOT EXISTS chunks (source INTEGER, first INTEGER, data BLOB);
"""


class RecordError(Exception):
    """A record cannot be written or read; the message is one line for the user."""


class Recorder:
    """Appends a run to its file from the training's process.

    Values are buffered and committed by the thread that trains, at the end of a step: a thread of
    ours would make every step slower, since a process with a second one counts references and
    hands over Python's lock with more care. The operating system writes to the disk when it likes
    (`synchronous=OFF`), so a commit takes some tenths of a millisecond. A forked child inherits the
    object but writes nothing. What is not closed is closed when Python ends.

    Attributes:
        due: When the next commit is due at a step's end, by `time.monotonic`.

    Raises:
        RecordError: When the file cannot be created, or would take the place of something else.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        if foreign(self.path):
            raise RecordError(f"{self.path} is no record and is not overwritten; name another file")
        self._pid = os.getpid()
        # The script may train in several threads; a handler of its signals may come in between.
        self._lock = threading.RLock()
        self._writing = threading.Lock()
        self._sources: dict[tuple[int, str, tuple[str, ...]], int] = {}
        self._counts: dict[int, int] = {}
        self._left_out: dict[int, tuple[int, int, bytes]] = {}
        self._coming = _Batch()
        self._growing: dict[int, _Growing] = {}
        self._tails: dict[int, _Tail] = {}
        self._failure: str | None = None
        self._given_up = False
        self._closed = False
        self._runs = 0
        try:
            for suffix in ("", "-wal", "-shm"):
                Path(f"{self.path}{suffix}").unlink(missing_ok=True)
            self._db = sqlite3.connect(self.path, check_same_thread=False, timeout=0)
            self._db.execute(f"PRAGMA application_id={int.from_bytes(APPLICATION)}")
            self._db.execute("PRAGMA journal_mode=WAL")
            # A killed process loses nothing that was committed; only a power cut could.
            self._db.execute("PRAGMA synchronous=OFF")
            self._db.executescript(_TABLES)
            self._db.commit()
        except (sqlite3.Error, OSError) as error:
            raise RecordError(f"cannot write the record {self.path}: {error}") from None
        self.due = self._committed = time.monotonic()
        self._took = 0.0
        self._rest = 0.0
        self.fact("schema", SCHEMA_VERSION)
        self.commit()
        atexit.register(self.close)

    @property
    def broken(self) -> str | None:
        """Why what came last is not written, or None."""
        return self._failure

    def new_run(self) -> int:
        """Return the number of a training that begins: each has its own, whoever watches it."""
        self._runs += 1
        return self._runs - 1

    def fact(self, key: str, value: Any, run: int = -1) -> None:
        """Set a fact of a run (-1: of the whole script); JSON can hold it."""
        text = _encodable(json.dumps(value, ensure_ascii=False))
        with self._lock:
            self._coming.facts[run, key] = text

    def source(self, run: int, layer: str, signals: Sequence[str]) -> int:
        """Return the number under which samples of these signals of a layer are stored."""
        key = (run, layer, tuple(signals))
        found = self._sources.get(key)
        if found is None:
            found = self._sources[key] = len(self._sources)
            row = (found, run, _encodable(layer), json.dumps(list(signals)))
            with self._lock:
                self._coming.sources.append(row)
        return found

    def sample(self, source: int, step: int, values: Sequence[float]) -> None:
        """Add one row: the values of the source's signals at `step`."""
        row = (source, step, _floats(values).tobytes())
        count = self._counts[source] = self._counts.get(source, 0) + 1
        if count > ROWS and count % (1 << (count // ROWS).bit_length()):
            self._left_out[source] = row
            return
        self._left_out.pop(source, None)
        with self._lock:
            self._coming.samples.append(row)

    def append(self, source: int, step: int, value: float) -> Callable[[float], None]:
        """Add the next value of something that is measured every step.

        Returns:
            What takes the values of the steps after this one, each of them and in their order,
            until the source is appended to again: the shortest way for what is done every step.
        """
        with self._lock:
            growing = self._growing.get(source)
            if growing is None:
                growing = self._growing[source] = _Growing(step)
            elif growing.first + len(growing.values) != step:
                self._coming.hold(source, *growing.take())
                growing.first = step
            growing.values.append(value)
        return growing.values.append

    def is_due(self, after: float = COMMIT_SECONDS) -> bool:
        """Return whether the last commit lies back as far as `after` seconds.

        To be asked at the end of every step and, with `PAUSE_SECONDS`, before what may take long.
        So what is lost to a `kill -9` came in during the half second before the step, or the tenth
        of one before the pause, in which it happens; a pause that nothing announces (the script
        sleeps, or writes its weights) counts as a step.
        """
        return time.monotonic() >= self._committed + max(after, self._rest)

    def commit(self) -> None:
        """Write what has come in; a failure is remembered in `broken`, never raised.

        What could not be written waits for the next commit: a disk may be full, or the file locked
        by another process, for a while; no lock is waited for.
        """
        if os.getpid() != self._pid:
            return
        begin = time.monotonic()
        with _uninterrupted(), self._writing:
            self._commit()
        now = time.monotonic()
        # The quicker of two: one may have been held up by other processes.
        self._took, before = now - begin, self._took
        self._rest = REST * min(self._took, before)
        self._committed = now
        self.due = now + max(COMMIT_SECONDS, self._rest)

    def _commit(self) -> None:
        with self._lock:
            for source, growing in self._growing.items():
                self._coming.hold(source, *growing.take())
            batch, self._coming = self._coming, _Batch()
        if self._given_up or not batch.size():
            return
        try:
            tails = self._write(batch)
        except Exception as error:
            self._failure = f"the record {self.path} cannot be written: {error}"
            with self._lock:
                self._coming = batch.followed_by(self._coming)
            self._given_up = batch.size() > WAITING
        else:
            self._tails.update(tails)
            self._failure = None

    def _write(self, batch: _Batch) -> dict[int, _Tail]:
        """Write a batch in one transaction; return the last chunks of the series in it."""
        samples = batch.samples
        tails: dict[int, _Tail] = {}
        with self._db:
            self._db.executemany(
                "INSERT OR REPLACE INTO facts VALUES (?,?,?)",
                [(run, key, value) for (run, key), value in batch.facts.items()],
            )
            self._db.executemany("INSERT INTO sources VALUES (?,?,?,?)", batch.sources)
            for source, pieces in batch.pieces.items():
                tail = self._tails.get(source)
                for first, values in pieces:
                    if tail is None or not tail.takes(first):
                        if tail is not None and tail.count - len(tail.values) >= PLAIN:
                            samples = [*samples, *tail.extremes(source)]
                            self._db.execute("DELETE FROM chunks WHERE rowid=?", (tail.row,))
                        before = tail.count if tail is not None else 0
                        new = "INSERT INTO chunks VALUES (?,?,?)"
                        row = self._db.execute(new, (source, first, values.tobytes())).lastrowid
                        tail = _Tail(row or 0, first, values, before + len(values))
                        continue
                    tail = tail.longer(values)
                    self._db.execute(
                        "UPDATE chunks SET data=? WHERE rowid=?", (tail.values.tobytes(), tail.row)
                    )
                if tail is not None:
                    tails[source] = tail
            self._db.executemany("INSERT INTO samples VALUES (?,?,?)", samples)
        return tails

    def close(self) -> None:
        """Write everything and close the file; for the last time, a lock is waited for."""
        atexit.unregister(self.close)
        if os.getpid() != self._pid or self._closed:
            return
        self._closed = True
        with self._lock:
            self._coming.samples += self._left_out.values()
            self._left_out = {}
        with contextlib.suppress(sqlite3.Error):
            self._db.execute(f"PRAGMA busy_timeout={round(1000 * PATIENCE)}")
        self.commit()
        # A finished record is one plain file; a reader that is just looking prevents that.
        with self._writing:
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("PRAGMA busy_timeout=200")
                self._db.execute("PRAGMA journal_mode=DELETE")
            with contextlib.suppress(sqlite3.Error):
                self._db.close()


@dataclass
class _Batch:
    """What is to be written next."""

    facts: dict[tuple[int, str], str] = field(default_factory=dict)
    sources: list[tuple[int, int, str, str]] = field(default_factory=list)
    samples: list[tuple[int, int, bytes]] = field(default_factory=list)
    pieces: dict[int, list[tuple[int, array[float]]]] = field(default_factory=dict)

    def size(self) -> int:
        """Return a number of rows, a chunk of values being one."""
        pieces = sum(1 + len(v) // CHUNK for held in self.pieces.values() for _, v in held)
        return len(self.facts) + len(self.sources) + len(self.samples) + pieces

    def hold(self, source: int, first: int, values: array[float]) -> None:
        """Add values of a series, the first of them of the step `first`."""
        if values:
            self.pieces.setdefault(source, []).append((first, values))

    def followed_by(self, later: _Batch) -> _Batch:
        """Return both in one."""
        pieces = {source: list(held) for source, held in self.pieces.items()}
        for source, held in later.pieces.items():
            pieces.setdefault(source, []).extend(held)
        return _Batch(
            {**self.facts, **later.facts},
            self.sources + later.sources,
            self.samples + later.samples,
            pieces,
        )


@dataclass
class _Growing:
    """The values of a series since the last commit, and the step of the first of them."""

    first: int
    values: array[float] = field(default_factory=lambda: array("f"))

    def take(self) -> tuple[int, array[float]]:
        """Give away what there is; what another thread appends meanwhile stays."""
        first, values = self.first, self.values[:]
        self.first += len(values)
        del self.values[: len(values)]
        return first, values


@dataclass(frozen=True)
class _Tail:
    """The last chunk of a series: its row in the file, and how many values there were so far."""

    row: int
    first: int
    values: array[float]
    count: int

    def takes(self, step: int) -> bool:
        """Return whether a value of `step` belongs into this chunk."""
        return step == self.first + len(self.values) and len(self.values) < CHUNK

    def longer(self, values: array[float]) -> _Tail:
        """Return the chunk with more values."""
        return _Tail(self.row, self.first, self.values + values, self.count + len(values))

    def extremes(self, source: int) -> list[tuple[int, int, bytes]]:
        """Return what is kept of a chunk that lies back: the extremes of each block, as samples."""
        block = BLOCK << (self.count // PLAIN).bit_length() - 1
        kept: list[tuple[int, int, bytes]] = []
        for start in range(0, len(self.values), block):
            values = self.values[start : start + block]
            finite = [i for i, value in enumerate(values) if math.isfinite(value)]
            chosen = {next((i for i, value in enumerate(values) if not math.isfinite(value)), -1)}
            if finite:
                chosen |= {min(finite, key=values.__getitem__), max(finite, key=values.__getitem__)}
            kept += [
                (source, self.first + start + i, values[i : i + 1].tobytes())
                for i in sorted(chosen - {-1})
            ]
        return kept


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Have handlers of signals wait for the end of the block, so that none raises in the middle.

    To block the signals would not do: another thread takes them then (of torch's, say), and Python
    calls the handler in the main thread all the same.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    held: dict[int, Any] = {}
    try:
        for number in _HANDLED:
            if callable(signal.getsignal(number)):
                held[number] = signal.signal(number, lambda number, _: came.append(number))
        yield
    finally:
        for number, handler in held.items():
            signal.signal(number, handler)
        for number in dict.fromkeys(came):
            signal.raise_signal(number)


_HANDLED = tuple(
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGALRM")
    if hasattr(signal, name)
)
"""Signals that scripts and Python itself handle."""


def _encodable(text: str) -> str:
    """Return a text without half characters (lone surrogates), which no file can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")


def foreign(path: Path) -> bool:
    """Return whether `path` holds something that is not a record."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        start = file.read(72)
    return bool(start) and start[68:72] != APPLICATION


def snapshot(path: str | os.PathLike[str], copy: str | os.PathLike[str]) -> None:
    """Copy a record as it is at this moment into one plain file, also one that is still growing.

    Raises:
        RecordError: When there is no record at `path`, or the copy cannot be written.
    """
    Path(copy).unlink(missing_ok=True)
    try:
        with _open(Path(path)) as source, contextlib.closing(sqlite3.connect(copy)) as target:
            target.execute("PRAGMA synchronous=OFF")
            source.backup(target)
            target.execute("PRAGMA journal_mode=DELETE")
    except (sqlite3.Error, OSError) as error:
        raise RecordError(f"cannot copy the record {path}: {error}") from None


def _floats(values: Sequence[float]) -> array[float]:
    """Return float32 values; what is too large for them becomes infinite."""
    try:
        return array("f", values)
    except OverflowError:
        limit = 3.4e38
        return array("f", [v if abs(v) <= limit else float("inf") * v for v in values])


@dataclass(frozen=True)
class Recording:
    """What one execution of a script left: its trainings and the facts about the script."""

    path: str
    runs: tuple[Run, ...]
    facts: Mapping[str, Any]


def read(path: str | os.PathLike[str]) -> Recording:
    """Read a record, also one that is still growing or whose writer was killed.

    Raises:
        RecordError: When there is no record at `path` or too little of it is left.
    """
    file = Path(path)
    if not file.is_file():
        raise RecordError(f"there is no record at {file}")
    try:
        facts, sources, rows = _rows(file)
        overall = facts.pop(-1, {})
        if overall.get("schema") != SCHEMA_VERSION:
            found = overall.get("schema", "none")
            raise RecordError(
                f"{file} has record schema {found}, this unstuck reads {SCHEMA_VERSION}"
            )
        numbers = sorted({*facts, *(run for run, _, _ in sources.values())})
        runs = [_run(number, facts.get(number, {}), sources, rows, overall) for number in numbers]
    except (sqlite3.Error, ValueError, TypeError, AttributeError, KeyError) as error:
        # What was damaged can be of any kind; it is data, and the message says which file.
        raise RecordError(f"{file} is not a readable record: {error}") from None
    return Recording(str(file), tuple(runs), overall)


def latest(path: str | os.PathLike[str]) -> tuple[int, float] | None:
    """Return the last step (from 0) and its loss of a record that is still growing.

    Cheap however long the record is; None where there is nothing yet.
    """
    newest = "SELECT first, data FROM chunks ORDER BY rowid DESC LIMIT 1"
    try:
        with _open(Path(path)) as db:
            row = db.execute(newest).fetchone()
            values = array("f", row[1]) if row is not None else None
    except (sqlite3.Error, OSError, ValueError, TypeError):
        return None
    return (row[0] + len(values) - 1, float(values[-1])) if values else None


Points = dict[int, list[tuple[int, Sequence[float]]]]


def _rows(
    file: Path,
) -> tuple[dict[int, dict[str, Any]], dict[int, tuple[int, str, list[str]]], Points]:
    with _open(file) as db:
        facts: dict[int, dict[str, Any]] = {}
        for run, key, value in _surviving(db, "SELECT run, key, value FROM facts"):
            facts.setdefault(run, {})[key] = json.loads(value)
        sources = {
            number: (run, layer, json.loads(signals))
            for number, run, layer, signals in _surviving(
                db, "SELECT id, run, layer, signals FROM sources"
            )
        }
        points: Points = {number: [] for number in sources}
        for source, step, data in _surviving(db, "SELECT source, step, data FROM samples"):
            if source in points and len(data) % 4 == 0:
                points[source].append((step, array("f", data)))
        for source, first, data in _surviving(db, "SELECT source, first, data FROM chunks"):
            if source in points and len(data) % 4 == 0:
                values = array("f", data)
                points[source].extend((first + i, (v,)) for i, v in enumerate(values))
    return facts, sources, points


class _open:  # noqa: N801 - a context manager used like a function
    """Open a database for reading, without needing write permission beside it."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __enter__(self) -> sqlite3.Connection:
        quoted = str(self._file.resolve()).replace("%", "%25").replace("?", "%3f")
        quoted = quoted.replace("#", "%23")
        try:
            self._connect(f"file:{quoted}?mode=ro")
        except sqlite3.OperationalError:
            if self._file.stat().st_size == 0:
                raise
            self._connect(f"file:{quoted}?immutable=1")
        return self._db

    def _connect(self, address: str) -> None:
        self._db = sqlite3.connect(address, uri=True, timeout=5)
        try:
            # Lets SQLite read a file that is shorter than its header says: one that was cut off.
            self._db.execute("PRAGMA writable_schema=ON")
            self._db.execute("SELECT run FROM facts LIMIT 1").fetchone()
        except sqlite3.Error:
            self._db.close()
            raise

    def __exit__(self, *exception: object) -> None:
        self._db.close()


def _surviving(db: sqlite3.Connection, query: str) -> list[tuple[Any, ...]]:
    """Return the rows that can still be read: a file cut off in the middle keeps its first part."""
    rows: list[tuple[Any, ...]] = []
    try:
        for row in db.execute(query):
            rows.append(row)  # noqa: PERF402 - keep what came before a damaged page
    except sqlite3.DatabaseError:
        pass
    return rows


def _run(
    number: int,
    facts: Mapping[str, Any],
    sources: Mapping[int, tuple[int, str, list[str]]],
    rows: Points,
    overall: Mapping[str, Any],
) -> Run:
    series: dict[tuple[str, str], Series] = {}
    for source, (run, layer, signals) in sources.items():
        if run != number:
            continue
        ordered = sorted(rows[source], key=lambda row: row[0])
        steps = tuple(step for step, _ in ordered)
        for index, name in enumerate(signals):
            kept = [
                (s, float(v[index]))
                for s, (_, v) in zip(steps, ordered, strict=True)
                if index < len(v)
            ]
            old = series.get((layer, name))
            if old is not None:  # the layer's set of signals changed during the run
                kept = sorted([*zip(old.steps, old.values, strict=True), *kept])
            series[layer, name] = Series(tuple(s for s, _ in kept), tuple(v for _, v in kept))
    last = max((s.steps[-1] for s in series.values() if s.steps), default=-1)
    return Run(
        layers=tuple(_layer(data) for data in facts.get("layers", ())),
        activations=tuple(_activation(data) for data in facts.get("activations", ())),
        optimizer=_optimizer(facts.get("optimizer", {"name": "?"})),
        loss_function=_loss(facts.get("loss_function", {})),
        steps=max(int(facts.get("steps", 0)), last + 1),
        series=series,
        facts={k: v for k, v in facts.items() if k not in _TYPED},
        framework=str(facts.get("framework") or overall.get("framework", "")),
        script=str(overall.get("script", "")),
        index=number,
    )


_TYPED = frozenset({"layers", "activations", "optimizer", "loss_function", "steps"})


def _located(data: Mapping[str, Any], *names: str) -> dict[str, Any]:
    known = dict(data)
    for name in names:
        known[name] = Location.from_json(data.get(name))
    return known


def _layer(data: Mapping[str, Any]) -> Layer:
    return Layer(**{**_located(data, "location"), "shape": tuple(data.get("shape", ()))})


def _activation(data: Mapping[str, Any]) -> Activation:
    return Activation(**_located(data, "location"))


def _optimizer(data: Mapping[str, Any]) -> Optimizer:
    return Optimizer(**_located(data, "location", "step_location"))


def _loss(data: Mapping[str, Any]) -> Loss:
    known = _located(data, "location")
    for name in ("chain", "prediction_shape", "target_shape"):
        known[name] = tuple(data.get(name, ()))
    return Loss(**known)
