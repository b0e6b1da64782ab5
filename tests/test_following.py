"""While a run goes on: the last row of the terminal, and the page that grows with the record."""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import os
import pty
import re
import struct
import sys
import termios
import threading
from pathlib import Path

import pytest

from scripts import DOUBLE_SOFTMAX, environment, unstuck, write
from unstuck.findings import Finding, Location, Severity
from unstuck.following import Following, Seen, StatusLine, said
from unstuck.record import Recorder, RecordError, latest, read
from unstuck.report import Report
from unstuck.report.server import Server

OURS = re.compile(rb"(?:\x1bD\x1b\[1A)?\x1b7(?:(?!\x1b8).)*\x1b8", re.S)
"""What we write: it ends where it began."""
BARS = DOUBLE_SOFTMAX.replace(
    "        optimizer.step()\n",
    "        optimizer.step()\n"
    "        print('\\repoch', epoch, '#' * epoch, end='', flush=True); time.sleep(0.05)\n"
    '    print("\\x1b[1A\\x1b[1B")\n',
).replace("import torch\n", "import time\nimport torch\n", 1)
"""A script with a progress bar that rewrites itself and moves the cursor, as bars do."""


def growing(path: Path, steps: int) -> Recorder:
    recorder = Recorder(path)
    source = recorder.source(0, "", ["loss"])
    for step in range(steps):
        recorder.append(source, step, 0.5)
    recorder.commit()
    return recorder


def everything(terminal: int) -> bytes:
    """Return what is written to a terminal until its other side is closed."""
    written = b""
    with contextlib.suppress(OSError), os.fdopen(terminal, "rb", buffering=0) as reading:
        while part := reading.read(65536):
            written += part
    return written


def on_a_terminal(*arguments: str, cwd: Path, rows: int = 24) -> bytes:
    """Run unstuck on a terminal; return everything that was written to it."""
    pid, terminal = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, 80, 0, 0))
        os.chdir(cwd)
        command = [sys.executable, "-m", "unstuck", *arguments]
        os.execve(sys.executable, command, environment(TERM="xterm"))
    try:
        return everything(terminal)
    finally:
        os.waitpid(pid, 0)


def test_the_last_row_leaves_the_scripts_output_alone(tmp_path: Path) -> None:
    script = write(tmp_path, BARS)
    written = on_a_terminal("run", script.name, cwd=tmp_path)
    shown = b"".join(OURS.findall(written))
    assert b"unstuck: step " in shown
    assert b"looks like softmax-before-cross-entropy at " in shown
    assert shown.count(b"\x1b[1;23r") == 1
    assert b"\x1b[r" in shown, "the row is given back"
    plain = on_a_terminal("run", "--no-status", script.name, cwd=tmp_path)
    assert not OURS.search(plain)
    until = plain.index(b"loss: ")
    assert OURS.sub(b"", written)[:until] == plain[:until]


TQDM = (
    DOUBLE_SOFTMAX.replace(
        "import torch\n", "import time\nimport torch\nfrom tqdm import tqdm\n", 1
    )
    .replace("in range(15):", "in tqdm(range(15), desc='epochs'):\n    tqdm.write('between')")
    .replace(".split(32):", ".split(32), leave=epoch % 3 == 0):\n        time.sleep(0.04)")
    .replace("in torch.randperm", "in tqdm(torch.randperm")
)
"""Two bars, one inside the other, with lines written above them."""
KERAS = """\
import os
os.environ["KERAS_BACKEND"] = "torch"
import time
import keras
import numpy as np
keras.utils.set_random_seed(0)
x = np.random.randn(256, 8).astype("float32")
slowly = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: time.sleep(0.04))
model = keras.Sequential([keras.layers.Input((8,)), keras.layers.Dense(2)])
model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
model.fit(x, (x.sum(1) > 0).astype(int), epochs=14, batch_size=64, callbacks=[slowly])
"""
"""More lines than the terminal has rows, so that it scrolls."""


@pytest.mark.parametrize(("bars", "last"), [(TQDM, "15/15"), (KERAS, "4/4")])
def test_progress_bars_and_the_row_leave_each_other_alone(
    bars: str, last: str, tmp_path: Path
) -> None:
    """Whatever is written, on an emulated terminal: each side changes its own rows only."""
    pytest.importorskip("tqdm")
    pyte = pytest.importorskip("pyte")
    script = write(tmp_path, bars)
    written = on_a_terminal("run", script.name, cwd=tmp_path, rows=16)
    screen = pyte.Screen(80, 16)
    stream = pyte.ByteStream(screen)

    def theirs() -> tuple[object, ...]:
        # The emulator, unlike terminals, forgets whether the next character wraps.
        return *screen.display[:-1], min(screen.cursor.x, 79), screen.cursor.y

    parts = [(part.start(), part.end()) for part in OURS.finditer(written)]
    assert len(parts) > 3
    at = 0
    for place, (start, end) in enumerate(parts):
        row = screen.display[-1]
        stream.feed(written[at:start])
        assert place == 0 or screen.display[-1] == row, "the script wrote into our row"
        before = theirs()
        stream.feed(written[start:end])
        assert place == 0 or theirs() == before, "we wrote into its rows"
        assert place == 0 or place == len(parts) - 1 or "unstuck: step" in screen.display[-1]
        at = end
    stream.feed(written[at:])
    assert last in "".join(screen.display)


def test_no_row_where_nobody_looks(tmp_path: Path) -> None:
    done = unstuck("run", write(tmp_path, DOUBLE_SOFTMAX).name, cwd=tmp_path)
    assert "\x1b" not in done.stderr
    assert "step" not in done.stdout


def test_the_row_fits_and_is_given_back() -> None:
    reading, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 10, 40, 0, 0))

    class Known(Following):
        def look(self) -> Seen:
            place = Location("train\x1b[2J.py", 3)
            finding = Finding("dead-relu", "U201", Severity.ERROR, "…", location=place, first=True)
            return Seen(41, 0.25, [finding], finding)

    line = StatusLine(Known(""), terminal)
    line.refresh()
    line.refresh()
    line.end()
    line.end()
    os.close(terminal)
    line.refresh()  # gone: nothing happens
    text = everything(reading).decode()
    assert text.count("\x1b7") == text.count("\x1b8") == 4
    assert text.count("\x1b[1;9r") == text.count("\x1b[r") == 1
    assert "\x1b[2J" not in text
    row = re.search(r"unstuck: step 42 · loss 0.25 · stopp[^\x1b]*", text)
    assert row is not None
    assert len(row[0]) <= 39


def test_what_is_known_while_a_record_grows(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    following = Following(str(path))
    assert latest(path) is None
    assert following.look() is None
    recorder = growing(path, 30)
    assert latest(path) == (29, 0.5)
    seen = following.look()
    assert seen is not None
    assert (seen.step, seen.loss) == (29, 0.5)
    assert said(Seen(9, 1.5)) == ("unstuck: step 10 · loss 1.5", "")
    recorder.close()
    path.write_bytes(b"nonsense")
    assert latest(path) is None


def test_a_log_of_others_has_a_page(tmp_path: Path) -> None:
    rows = "".join(f"{step},{2.3 / (1 + step)}\n" for step in range(80))
    (tmp_path / "log.csv").write_text(f"step,loss\n{rows}")
    done = unstuck("report", "-o", "a.html", "log.csv", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "What cannot be judged" in (tmp_path / "a.html").read_text()


def test_only_this_machine_is_answered(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    recorder = growing(path, 30)
    server = Server(str(path), lambda: Report(read(path), []))
    thread = threading.Thread(target=server.serve)
    thread.start()
    address = server.address.removeprefix("http://").rstrip("/")
    assert address.startswith("127.0.0.1:")
    try:

        def ask(path: str, host: str = address) -> tuple[int, str]:
            connection = http.client.HTTPConnection(address, timeout=30)
            connection.request("GET", path, headers={"Host": host})
            answer = connection.getresponse()
            text = answer.read().decode()
            connection.close()
            return answer.status, text

        status, page = ask("/")
        assert (status, "30 steps watched" in page) == (200, True)
        assert ask("/", "elsewhere.example:80")[0] == 403
        assert ask("/../../etc/passwd")[0] == 404
        state = re.search(r'data-state="([^"]+)"', page)
        assert state is not None
        assert ask(f"/content?known={state[1]}")[0] == 204
        source = recorder.source(0, "", ["loss"])
        recorder.append(source, 30, 0.25)
        recorder.commit()
        status, content = ask(f"/content?known={state[1]}")
        assert (
            status,
            "31 steps watched" in content,
            '<script type="application/gzip"' in content,
        ) == (
            200,
            True,
            False,
        )
    finally:
        server.stop()
        thread.join()
        recorder.close()
    gone = Server(str(path), lambda: Report(read(tmp_path / "other.db"), []))
    assert gone.answer("/", gone.address[7:-1])[0] == 503
    gone.close()
    with pytest.raises(RecordError):
        read(tmp_path / "other.db")


def test_a_page_is_written(tmp_path: Path) -> None:
    script = write(tmp_path, DOUBLE_SOFTMAX)
    done = unstuck("run", "--report", "a.html", script.name, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "unstuck: a.html written" in done.stderr
    done = unstuck("report", "-o", "b.html", ".unstuck/train.db", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    first, again = ((tmp_path / name).read_text() for name in ("a.html", "b.html"))
    assert "Found softmax-before-cross-entropy" in first
    assert len(first) == pytest.approx(len(again), abs=1000)
    for arguments, expected in (
        ((".unstuck/train.db",), "-o FILE writes the page"),
        (("-o", "c.html", "nothing.db"), "there is no record and no log at nothing.db"),
        (("-o", "no/c.html", ".unstuck/train.db"), "is not a writable directory"),
        (("--live", "nothing.db"), "there is no record and no log at nothing.db"),
    ):
        done = unstuck("report", *arguments, cwd=tmp_path)
        assert done.returncode == 2
        assert expected in done.stderr
        assert len(done.stderr.splitlines()) == 1
