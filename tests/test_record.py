"""The record: nothing is lost, and whatever is left of a file is read or refused in one line."""

from __future__ import annotations

import math
import os
import random
import signal
import sqlite3
import subprocess
import threading
import time
from array import array
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts import ENDLESS, python, write
from unstuck import record
from unstuck.diagnosis import diagnose
from unstuck.findings import Location
from unstuck.record import PATIENCE, PAUSE_SECONDS, WAITING, Recorder, RecordError, Recording, read
from unstuck.signals import Layer, Optimizer

LAYER = {
    "name": "body.0",
    "kind": "Linear",
    "shape": [16, 8],
    "fan_in": 8,
    "fan_out": 16,
    "location": {"file": "train.py", "line": 7, "column": 4, "end_line": 7, "end_column": 19},
}


def made(path: Path, steps: int = 300) -> Path:
    """Write a record with everything in it."""
    recorder = Recorder(path)
    recorder.fact("script", "train.py")
    recorder.fact("layers", [LAYER], run=0)
    recorder.fact("optimizer", {"name": "SGD", "settings": {"lr": 0.1}}, run=0)
    recorder.fact("loss_function", {"function": "mse_loss", "chain": ["mse_loss"]}, run=0)
    loss = recorder.source(0, "", ("loss",))
    sample = recorder.source(0, "body.0", ("weight_rms", "gradient_rms"))
    for step in range(steps):
        recorder.append(loss, step, 1 / (step + 1))
        if step % 10 == 0:
            recorder.sample(sample, step, (0.5, step / 100))
        if step % 100 == 99:
            recorder.commit()
    recorder.fact("steps", steps, run=0)
    recorder.close()
    return path


def test_round_trip(tmp_path: Path) -> None:
    recording = read(made(tmp_path / "run.db"))
    (run,) = recording.runs
    assert recording.facts["script"] == run.script == "train.py"
    assert run.steps == 300
    assert run.loss.steps == tuple(range(300))
    assert run.loss.values == pytest.approx([1 / (s + 1) for s in range(300)], rel=1e-6)
    assert run.of("gradient_rms", "body.0").steps == tuple(range(0, 300, 10))
    assert run.of("gradient_rms", "body.0").at(119) == pytest.approx(1.1)
    assert run.layers == (
        Layer("body.0", "Linear", (16, 8), 8, 16, Location("train.py", 7, 4, 7, 19)),
    )
    assert run.optimizer == Optimizer("SGD", {"lr": 0.1})
    assert run.loss_function.chain == ("mse_loss",)


@given(st.lists(st.floats(width=32), min_size=1, max_size=40), st.integers(0, 50))
@settings(max_examples=25, deadline=None)
def test_values_come_back_bit_for_bit(values: list[float], gap: int) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        recorder = Recorder(Path(folder) / "run.db")
        source = recorder.source(0, "", ("loss",))
        for step, value in enumerate(values):
            recorder.append(source, step + (gap if step > len(values) // 2 else 0), value)
        recorder.fact("steps", 1, run=0)
        recorder.close()
        back = read(Path(folder) / "run.db").runs[0].loss.values
    assert [repr(v) for v in back] == [repr(v) for v in values]


def test_numbers_too_large_for_float32_become_infinite(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "run.db")
    source = recorder.source(0, "", ("loss",))
    recorder.append(source, 0, 1e300)
    recorder.append(source, 1, -1e300)
    recorder.sample(recorder.source(0, "a", ("weight_rms", "bias_update")), 0, (1e39, 1.0))
    recorder.fact("steps", 2, run=0)
    recorder.close()
    run = read(tmp_path / "run.db").runs[0]
    assert run.loss.values == (math.inf, -math.inf)
    assert run.of("weight_rms", "a").values == (math.inf,)
    assert run.of("bias_update", "a").values == (1.0,)


def test_is_read_while_it_grows(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "run.db")
    source = recorder.source(0, "", ("loss",))
    recorder.fact("steps", 0, run=0)
    for step in range(5):
        recorder.append(source, step, float(step))
        recorder.commit()
        assert len(read(tmp_path / "run.db").runs[0].loss) == step + 1
    recorder.close()


def test_threads_lose_nothing(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "run.db")
    recorder.fact("steps", 0, run=0)

    def append(number: int) -> None:
        source = recorder.source(0, f"layer{number}", ("loss",))
        for step in range(500):
            recorder.append(source, step, float(step))

    threads = [threading.Thread(target=append, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        recorder.commit()
    recorder.close()
    run = read(tmp_path / "run.db").runs[0]
    assert [len(run.of("loss", f"layer{n}")) for n in range(4)] == [500] * 4


def test_it_starts_no_thread(tmp_path: Path) -> None:
    before = threading.active_count()
    recorder = Recorder(tmp_path / "run.db")
    assert threading.active_count() == before
    recorder.close()


def test_a_commit_is_due_soonest_before_a_pause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(record, "time", SimpleNamespace(monotonic=lambda: now))
    recorder = Recorder(tmp_path / "run.db")
    assert not recorder.is_due(PAUSE_SECONDS)
    now += 0.11
    assert recorder.is_due(PAUSE_SECONDS)
    assert not recorder.is_due()
    now += 0.4
    assert recorder.is_due()
    assert now >= recorder.due
    recorder.commit()
    assert not recorder.is_due()
    assert now < recorder.due
    recorder.close()


def test_slow_commits_come_more_seldom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(record, "time", SimpleNamespace(monotonic=lambda: now))
    recorder = Recorder(tmp_path / "run.db")

    def slow(batch: object) -> None:
        nonlocal now
        now += 0.05
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(recorder, "_write", slow)
    begin, commits = now, 0
    recorder.fact("steps", 1, run=0)
    while now < begin + 100:
        now += 0.02
        if recorder.is_due(PAUSE_SECONDS):
            recorder.commit()
            commits += 1
    assert 10 < commits < 25, "0.05 s each in 100 s"
    monkeypatch.undo()
    recorder.close()
    assert read(tmp_path / "run.db").runs[0].steps == 1


def test_a_signal_waits_for_the_end_of_a_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its handler may raise, as that of Ctrl-C does, whichever thread takes the signal."""
    threading.Thread(target=time.sleep, args=(2,), daemon=True).start()
    recorder = Recorder(tmp_path / "run.db")
    source = recorder.source(0, "", ("loss",))
    recorder.append(source, 0, 1.0)
    recorder.fact("steps", 1, run=0)
    write = recorder._write

    def interrupted(batch: record._Batch) -> dict[int, record._Tail]:
        os.kill(os.getpid(), signal.SIGINT)
        tails = write(batch)
        os.kill(os.getpid(), signal.SIGINT)
        return tails

    monkeypatch.setattr(recorder, "_write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        recorder.commit()
    monkeypatch.undo()
    recorder.append(source, 1, 2.0)
    recorder.close()
    assert recorder.broken is None
    assert read(tmp_path / "run.db").runs[0].loss.values == (1.0, 2.0)


def test_what_nobody_closes_is_closed_at_the_end(tmp_path: Path) -> None:
    code = """
from unstuck.record import Recorder
recorder = Recorder("run.db")
recorder.append(recorder.source(0, "", ("loss",)), 0, 1.0)
recorder.fact("steps", 1, run=0)
raise SystemExit(3)
"""
    assert python("-c", code, cwd=tmp_path).returncode == 3
    assert [path.name for path in tmp_path.iterdir()] == ["run.db"]
    assert read(tmp_path / "run.db").runs[0].loss.values == (1.0,)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # from Python 3.12 on
def test_forked_child_writes_nothing_and_breaks_nothing(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "run.db")
    source = recorder.source(0, "", ("loss",))
    recorder.append(source, 0, 1.0)
    pid = os.fork()
    if pid == 0:
        recorder.append(source, 1, 2.0)
        recorder.fact("child", "was here")
        recorder.commit()
        recorder.close()
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    recorder.append(source, 1, 3.0)
    recorder.fact("steps", 2, run=0)
    recorder.close()
    recording = read(tmp_path / "run.db")
    assert recording.runs[0].loss.values == (1.0, 3.0)
    assert "child" not in recording.facts


KILLS = int(os.environ.get("UNSTUCK_KILLS", "10"))
"""How often a training is killed; 100 before a release."""

KILLING = """\
import os, random, signal, sys, time
import torch, torch._dynamo
from unstuck.runner import Spec, execute

dice = random.Random(0)
for number in range(int(sys.argv[1])):
    os.mkdir(str(number))
    pid = os.fork()
    if pid == 0:
        os.chdir(str(number))
        sys.stdout = sys.stderr = open("printed", "w")
        execute(Spec("run.db"), "../train.py")
        os._exit(0)
    time.sleep(dice.uniform(0.05, 3.5))
    os.kill(pid, signal.SIGKILL)
    assert os.waitpid(pid, 0)[1] == signal.SIGKILL
"""


def test_kill_9_loses_at_most_a_second(tmp_path: Path) -> None:
    """Real trainings note each step in a file of their own and are killed at random moments."""
    noted = "        open('steps', 'a').write(f'{__import__(\"time\").time()}\\n')\n"
    write(tmp_path, ENDLESS.replace("    optimizer.step()\n", f"    optimizer.step()\n{noted}"))
    done = python("-c", KILLING, KILLS, cwd=tmp_path, timeout=60 + 10 * KILLS)
    assert done.returncode == 0, done.stderr
    seen = 0
    for number in range(KILLS):
        steps = tmp_path / str(number) / "steps"
        times = [float(x) for x in steps.read_text().split()] if steps.exists() else []
        if not times:  # killed before its first step, perhaps before there was a file
            continue
        recording = read(tmp_path / str(number) / "run.db")
        due = sum(t < times[-1] - 1 for t in times)
        if not due and not recording.runs:
            continue
        (run,) = recording.runs
        assert due <= len(run.loss) <= len(times) + 1
        assert run.loss.steps == tuple(range(len(run.loss)))
        if due:
            seen += 1
            assert run.layers
            assert run.of("gradient_rms", "0")
            assert run.optimizer.location is not None
        diagnose(recording)
    assert seen > KILLS / 5


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = made(tmp_path_factory.mktemp("whole") / "run.db", steps=3000)
    return path.read_bytes()


def _read_or_refuse(path: Path) -> Recording | None:
    refused = ""
    try:
        return read(path)
    except RecordError as error:
        refused = str(error)
    assert len(refused.splitlines()) == 1
    assert str(path) in refused
    return None


def test_cut_off_anywhere_is_read_or_refused(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "cut.db"
    kept = 0
    lengths = sorted({0, 1, 15, 16, 99, 100, 511, 4095, 4096, 4097, len(whole) - 1})
    lengths += list(range(5000, len(whole), 1777))
    for length in lengths:
        path.write_bytes(whole[:length])
        recording = _read_or_refuse(path)
        if recording is not None:
            kept += 1
            diagnose(recording)
    assert kept > len(lengths) / 10, "a file that lost its end keeps its first part"


@pytest.mark.parametrize("seed", range(30))
def test_damaged_bytes_are_read_or_refused(whole: bytes, tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    damaged = bytearray(whole)
    at = dice.randrange(len(damaged) - 600)
    damaged[at : at + dice.choice((1, 8, 500))] = dice.randbytes(dice.choice((1, 8, 500)))
    path = tmp_path / "damaged.db"
    path.write_bytes(damaged)
    recording = _read_or_refuse(path)
    if recording is not None:
        diagnose(recording)


def test_killed_writers_log_cut_off_is_read(tmp_path: Path) -> None:
    """The WAL beside the file may be cut off too."""
    recorder = Recorder(tmp_path / "run.db")
    source = recorder.source(0, "", ("loss",))
    recorder.fact("steps", 0, run=0)
    for step in range(2000):
        recorder.append(source, step, 1.0)
        if step % 50 == 0:
            recorder.commit()
    files = {s: (tmp_path / f"run.db{s}").read_bytes() for s in ("", "-wal")}
    recorder.close()
    log = files["-wal"]
    assert log
    lengths = []
    for length in range(0, len(log) + 1, max(len(log) // 12, 1)):
        copy = tmp_path / f"copy{length}.db"
        copy.write_bytes(files[""])
        Path(f"{copy}-wal").write_bytes(log[:length])
        recording = _read_or_refuse(copy)
        lengths.append(len(recording.runs[0].loss) if recording and recording.runs else 0)
    assert lengths == sorted(lengths)
    assert lengths[-1] > 1900


@pytest.mark.parametrize("content", [b"", b"epoch 1: loss 2.3\n" * 99, b"\x00" * 5000])
def test_no_database_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    assert _read_or_refuse(path) is None
    assert path.read_bytes() == content


def test_nothing_there_is_refused(tmp_path: Path) -> None:
    assert _read_or_refuse(tmp_path / "nothing.db") is None
    assert _read_or_refuse(tmp_path) is None


def test_other_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE cats (name TEXT)")
    db.close()
    assert _read_or_refuse(path) is None


@pytest.mark.parametrize("version", ["2", '"one"', "null"])
def test_other_schema_is_refused(tmp_path: Path, version: str) -> None:
    path = made(tmp_path / "run.db", 5)
    with sqlite3.connect(path) as db:
        db.execute("UPDATE facts SET value = ? WHERE key = 'schema'", (version,))
    db.close()
    with pytest.raises(RecordError, match=r"has record schema .*, this unstuck reads 1"):
        read(path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("layers", '[{"name": "a"}]'),
        ("layers", '"nonsense"'),
        ("layers", '[{"name": "a", "kind": "Linear", "from": "the future"}]'),
        ("optimizer", "[]"),
        ("loss_function", '{"location": 7}'),
        ("steps", '"many"'),
        ("steps", "{cut off"),
    ],
)
def test_facts_of_the_wrong_kind_are_refused(tmp_path: Path, key: str, value: str) -> None:
    path = made(tmp_path / "run.db", 5)
    with sqlite3.connect(path) as db:
        db.execute("UPDATE facts SET value = ? WHERE key = ? AND run = 0", (value, key))
    db.close()
    recording = _read_or_refuse(path)
    if recording is not None:
        diagnose(recording)


def test_unwritable_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "nowhere" / "run.db", tmp_path / "file" / "run.db", tmp_path):
        with pytest.raises(RecordError, match="cannot write the record"):
            Recorder(path)


def test_other_files_are_not_overwritten(tmp_path: Path) -> None:
    """`--record train.py` must not cost the script."""
    path = write(tmp_path, "print('precious')\n")
    with pytest.raises(RecordError, match="is no record"):
        Recorder(path)
    assert path.read_text() == "print('precious')\n"
    made(tmp_path / "run.db", 5)
    assert len(read(made(tmp_path / "run.db", 7)).runs[0].loss) == 7


def test_full_disk_is_remembered_not_raised(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "run.db")
    recorder.commit()
    with recorder._lock:
        recorder._db.execute("DROP TABLE samples")
        recorder._db.commit()
    recorder.sample(recorder.source(0, "", ("loss",)), 0, (1.0,))
    recorder.commit()
    assert "cannot be written: no such table" in (recorder.broken or "")
    recorder.close()


def test_record_is_bounded(tmp_path: Path) -> None:
    """A value per step costs some ten bytes, however it comes."""
    path = made(tmp_path / "run.db", steps=100_000)
    assert path.stat().st_size < 100_000 * 20


def test_read_only_record_is_read(tmp_path: Path) -> None:
    path = made(tmp_path / "run.db", 5)
    path.chmod(0o444)
    tmp_path.chmod(0o555)
    try:
        assert len(read(path).runs[0].loss) == 5
    finally:
        tmp_path.chmod(0o755)


def test_odd_names_are_read(tmp_path: Path) -> None:
    for name in ("a b.db", "50%.db", "what?.db", "#1.db", "ü.db"):
        assert read(made(tmp_path / name, 3)).runs[0].steps == 3


def test_import_needs_no_framework(tmp_path: Path) -> None:
    import sys

    code = "import unstuck.cli, unstuck.diagnosis, sys; assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_reader_that_stays_loses_nothing(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "run.db")
    source = recorder.source(0, "", ("loss",))
    recorder.append(source, 0, 1.0)
    recorder.commit()
    reader = sqlite3.connect(tmp_path / "run.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM chunks").fetchall()
    recorder.append(source, 1, 2.0)
    recorder.fact("steps", 2, run=0)
    recorder.close()
    reader.close()
    assert recorder.broken is None
    assert read(tmp_path / "run.db").runs[0].loss.values == (1.0, 2.0)


def test_what_a_lock_held_up_is_written_later(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "run.db")
    source = recorder.source(0, "", ("loss",))
    recorder.append(source, 0, 1.0)
    other = sqlite3.connect(tmp_path / "run.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    begin = time.monotonic()
    recorder.commit()
    assert time.monotonic() - begin < 0.9 * PATIENCE, "the training does not wait for the lock"
    assert "locked" in (recorder.broken or "")
    recorder.append(source, 1, 2.0)
    recorder.fact("steps", 2, run=0)
    recorder.commit()
    other.execute("COMMIT")
    other.close()
    recorder.close()
    assert recorder.broken is None
    assert read(tmp_path / "run.db").runs[0].loss.values == (1.0, 2.0)


def test_a_record_that_cannot_be_written_takes_no_memory(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "run.db")
    recorder._db.execute("DROP TABLE samples")
    source = recorder.source(0, "", ("a", "b"))
    for step in range(WAITING + 2):
        recorder.sample(source, step, (1.0, 2.0))
        recorder.append(step, 0, 1.0)  # every one a series of its own
    recorder.commit()
    assert recorder._given_up
    recorder.append(source, 0, 1.0)
    recorder.commit()
    assert not recorder._coming.size()
    recorder.close()


def _values(recorder: Recorder) -> list[array[float]]:
    return [tail.values for tail in recorder._tails.values()]


def test_values_of_consecutive_steps_take_the_short_way(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "run.db")
    source = recorder.source(0, "", ("loss",))
    note = recorder.append(source, 0, 0.0)
    for step in range(1, 10):
        if step % 4 == 0:
            recorder.commit()
        note(float(step))
    note = recorder.append(source, 20, 20.0)
    note(21.0)
    recorder.close()
    (run,) = read(tmp_path / "run.db").runs
    assert run.loss.steps == (*range(10), 20, 21)
    assert run.loss.values == tuple(map(float, run.loss.steps))


def test_a_million_steps_of_two_hundred_layers(tmp_path: Path) -> None:
    """Loss and learning rate every step, a deep sample as often as the watcher takes them."""
    recorder = Recorder(tmp_path / "run.db")
    loss = recorder.source(0, "", ("loss",))
    rate = recorder.source(0, "", ("learning_rate",))
    passes = recorder.source(0, "", ("validation_loss:0", "validation_accuracy:0"))
    layers = [recorder.source(0, f"layer.{n}", tuple("abcdefghijklm")) for n in range(200)]
    deep, held = 0, 0
    for step in range(1_000_000):
        recorder.append(loss, step, -7.0 if step == 500_000 else 1e6 / (step + 1))
        if step % 10 == 0:
            recorder.append(rate, step, 1e-3 / (step + 1))
            recorder.sample(passes, step, (0.1, 0.2))
        if step == deep:
            for layer in layers:
                recorder.sample(layer, step, (step,) * 13)
            deep = max(deep + 1, round(deep * 2 ** (1 / 12)))
        if step % 1000 == 0:  # half a second later
            recorder.commit()
            held = max(held, recorder._coming.size() + sum(map(len, _values(recorder))))
    recorder.fact("steps", 1_000_000, run=0)
    recorder.close()
    assert held < 3000
    assert (tmp_path / "run.db").stat().st_size < 50e6
    (run,) = read(tmp_path / "run.db").runs
    assert run.loss.values[:100] == pytest.approx([1e6 / (s + 1) for s in range(100)], rel=1e-6)
    assert min(run.loss.values) == -7.0
    assert run.of("a", "layer.199").steps[:20] == tuple(range(20))
    assert len(run.of("validation_loss:0")) < 100_000
    assert run.of("validation_loss:0").steps[-1] == 999_990


def test_long_series_keep_their_beginning_extremes_and_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record, "PLAIN", 2048)
    recorder = Recorder(tmp_path / "run.db")
    source = recorder.source(0, "", ("loss",))
    values = [math.sin(step) for step in range(100_000)]
    values[40_000], values[70_000] = 5.0, math.nan
    for step, value in enumerate(values):
        recorder.append(source, step, value)
        if step % 700 == 0:
            recorder.commit()
    recorder.fact("steps", len(values), run=0)
    recorder.close()
    loss = read(tmp_path / "run.db").runs[0].loss
    kept = dict(zip(loss.steps, loss.values, strict=True))
    assert len(kept) < 6000
    assert set(range(2048)) <= set(kept)
    assert kept[40_000] == 5.0
    assert math.isnan(kept[70_000])
    assert set(range(99_900, 100_000)) <= set(kept)
