"""The real command: bad input is one clear line, the script's own doings pass through."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from scripts import (
    DIES,
    DOUBLE_SOFTMAX,
    ENDLESS,
    MLP,
    begin,
    environment,
    interrupt,
    one_line,
    ours,
    python,
    strict,
    unstuck,
    wait_for,
    write,
)
from unstuck import registry
from unstuck.cli import main

COLOUR = "\x1b["


# ---------------------------------------------------------------------- what is no script


@pytest.mark.parametrize("verb", ["run", "fix"])
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "there is no file train.py"),
        ("x = (1,\n", r"train\.py is not Python, line 1: "),
        ("\x00", r"train\.py is not Python"),
        ("# -*- coding: nonsense -*-\n", r"train\.py is not Python"),
    ],
)
def test_not_a_script(tmp_path: Path, verb: str, content: str | None, said: str) -> None:
    if content is not None:
        write(tmp_path, content)
    assert re.search(said, one_line(unstuck(verb, "train.py", cwd=tmp_path)))
    assert not (tmp_path / ".unstuck").exists()


def test_directory_and_unknown_module(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    assert "model is a directory" in one_line(unstuck("run", "model", cwd=tmp_path))
    said = one_line(unstuck("run", "-m", "nobody.train", cwd=tmp_path))
    assert "no module named nobody.train" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "--select", "vanishing-gradeint", "train.py"], "did you mean vanishing-gradient?"),
        (["run", "--ignore", "U999", "train.py"], "there is no obstacle 'U999'"),
        (["run", "--budget", "lots", "train.py"], "--budget: a budget is a share of the time"),
        (["run", "--budget", "-1%", "train.py"], "--budget: a budget is a share of the time"),
        (["run", "--record", "nowhere/run.db", "train.py"], "not a writable directory"),
        (["run", "--record", "train.py", "train.py"], "is no record and is not overwritten"),
        (["run", "--output", "nowhere/out.txt", "train.py"], "not a writable directory"),
        (["fix", "--budget", "soon", "train.py"], "such as 10m or 3x, not 'soon'"),
        (["fix", "--metric", "accuracy: (", "train.py"], "--metric is no regular expression"),
        (["fix", "--metric", "accuracy", "train.py"], "--metric needs one group"),
        (["fix", "--diff", "nowhere/a.diff", "train.py"], "not a writable directory"),
        (["fix", "--select", "dead-rleu", "train.py"], "did you mean dead-relu?"),
        (["check", "nothing.db"], "there is no record and no log at nothing.db"),
        (["check", "train.py"], "train.py is no record, and no log with a training loss"),
        (["check", "--select", "overfiting", "train.py"], "did you mean overfitting?"),
        (
            ["explain", "use-adma"],
            "there is no obstacle or remedy 'use-adma'; did you mean use-adam",
        ),
        (["explain", "dead-rleu"], "did you mean dead-relu?"),
    ],
)
def test_option_that_cannot_be_meant(tmp_path: Path, arguments: list[str], said: str) -> None:
    script = write(tmp_path, "print('I ran')\n")
    completed = unstuck(*arguments, cwd=tmp_path)
    assert said in one_line(completed)
    assert completed.stdout == ""
    assert script.read_text() == "print('I ran')\n"


def test_configuration_that_cannot_be_meant(tmp_path: Path) -> None:
    write(tmp_path, "")
    for table in ('selct = ["U1"]', 'select = "U1"', 'select = ["U7777"]', "[tool.unstuck.x]", "="):
        write(tmp_path, f"[tool.unstuck]\n{table}\n", "pyproject.toml")
        one_line(unstuck("run", "train.py", cwd=tmp_path))


# ---------------------------------------------------------------------- the script's own doings


def test_script_that_raises(tmp_path: Path) -> None:
    """Its traceback is Python's, shown once; what was found until then is kept."""
    write(tmp_path, DOUBLE_SOFTMAX + 'raise ValueError("the disk is full")\n')
    alone = python("train.py", cwd=tmp_path)
    watched = unstuck("run", "--record", "run.db", "train.py", cwd=tmp_path)
    assert watched.returncode == alone.returncode == 1
    assert watched.stdout == alone.stdout
    assert watched.stderr.startswith(alone.stderr)
    assert watched.stderr.count("Traceback") == 1
    assert "softmax-before-cross-entropy" in watched.stderr.removeprefix(alone.stderr)
    again = unstuck("check", "run.db", cwd=tmp_path)
    assert "softmax-before-cross-entropy" in again.stdout
    assert again.returncode == 1


RAISES_INSIDE = (
    MLP.partition("for epoch")[0]
    + """
class Broken(nn.Module):
    def forward(self, x):
        try:
            nn.functional.cross_entropy(model(x), y[:3])
        except ValueError as error:
            raise RuntimeError("no luck") from error
Broken()(x)
"""
)


def test_traceback_shows_no_frame_of_ours(tmp_path: Path) -> None:
    """Not even where torch was called through us."""
    write(tmp_path, RAISES_INSIDE)
    alone = python("train.py", cwd=tmp_path)
    watched = unstuck("run", "train.py", cwd=tmp_path)
    assert "/unstuck/" not in watched.stderr
    assert "runpy" not in watched.stderr
    frames = r'File ".*", line \d+, in \w+'
    inner = [f for f in re.findall(frames, watched.stderr) if "torch/nn/modules" not in f]
    assert inner == [f for f in re.findall(frames, alone.stderr) if "torch/nn/modules" not in f]


@pytest.mark.parametrize(
    ("ending", "status"),
    [
        ("sys.exit(3)", 3),
        ("sys.exit()", 0),
        ("sys.exit('enough')", 1),
        ("os._exit(7)", 7),
        ("import nobody_has_this", 1),
        ("os.kill(os.getpid(), 9)", 137),
        ("os.kill(os.getpid(), 15)", 143),
        ("os.kill(os.getpid(), 11)", 139),
        ("raise KeyboardInterrupt", 130),
        ("raise BaseException('odd')", 1),
        ("def f(): raise SystemExit(4)\nf()", 4),
        ("import atexit; atexit.register(print, 'bye')", 0),
    ],
)
def test_exit_status_passes_through(tmp_path: Path, ending: str, status: int) -> None:
    write(tmp_path, f"import os, sys\nprint('hello', flush=True)\n{ending}\n")
    watched = unstuck("run", "train.py", cwd=tmp_path)
    assert watched.returncode == status
    assert watched.stdout == ("hello\nbye\n" if "atexit" in ending else "hello\n")
    assert watched.stderr.count("Traceback") == int(
        "import nobody" in ending or "raise K" in ending or "raise B" in ending
    )
    assert "/unstuck/" not in watched.stderr


def test_arguments_input_and_surroundings_pass_through(tmp_path: Path) -> None:
    source = """\
import os, sys
print(sys.argv, __name__, __file__, __spec__, sys.path[0], sorted(globals()))
print(sys.stdin.read().upper(), os.getcwd(), sys.flags.utf8_mode)
print("to stderr", file=sys.stderr)
"""
    (tmp_path / "sub").mkdir()
    write(tmp_path / "sub", source)
    options = ["--format", "json", "-v", "--", "-m", "--budget=3", "x y"]
    alone = python("sub/train.py", *options, cwd=tmp_path, given="text")
    watched = unstuck("run", "sub/train.py", *options, cwd=tmp_path, given="text")
    harmless = r"'__(annotations|cached|doc|loader|package)__', "
    assert re.sub(harmless, "", watched.stdout) == re.sub(harmless, "", alone.stdout)
    assert watched.stderr.startswith("to stderr\n")


def test_module(tmp_path: Path) -> None:
    (tmp_path / "package").mkdir()
    write(tmp_path / "package", "", "__init__.py")
    write(
        tmp_path / "package",
        "from . import part\nimport sys\nprint(sys.argv[1:], __name__, part.x)\n",
    )
    write(tmp_path / "package", "x = 1\n", "part.py")
    alone = python("-m", "package.train", "-m", "a", cwd=tmp_path)
    watched = unstuck("run", "-m", "package.train", "-m", "a", cwd=tmp_path)
    assert watched.stdout == alone.stdout == "['-m', 'a'] __main__ 1\n"


def test_main_is_the_script(tmp_path: Path) -> None:
    """Its classes can be pickled, and processes that it spawns find it."""
    source = """\
import multiprocessing, pickle
class Row:
    pass
def double(x):
    return 2 * x
if __name__ == "__main__":
    print(pickle.loads(pickle.dumps(Row())).__class__.__module__)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.map(double, [1, 2]))
"""
    write(tmp_path, source)
    watched = unstuck("run", "train.py", cwd=tmp_path)
    assert watched.stdout == "__main__\n[2, 4]\n", watched.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_run_keeps_what_was_found(tmp_path: Path, number: int) -> None:
    source = DOUBLE_SOFTMAX.replace("range(15)", "range(10**9)")
    write(
        tmp_path,
        source.replace("    for rows", "    if epoch == 30: open('far', 'w')\n    for rows"),
    )
    process = begin("-m", "unstuck", "run", "--record", "run.db", "train.py", cwd=tmp_path)
    wait_for(tmp_path / "far")
    time.sleep(0.6)
    _, err = interrupt(process, number)
    assert process.returncode == 128 + number
    assert "softmax-before-cross-entropy" in err
    assert err.count("Traceback") == int(number == signal.SIGINT)
    assert "/unstuck/" not in err


# ---------------------------------------------------------------------- findings


def test_no_place_for_the_record(tmp_path: Path) -> None:
    """`.unstuck` cannot be made: the record goes elsewhere, the script runs all the same."""
    write(tmp_path, "print('I ran')\n")
    write(tmp_path, "in the way", ".unstuck")
    watched = unstuck("run", "train.py", cwd=tmp_path)
    assert watched.stdout == "I ran\n"
    assert watched.returncode == 0
    assert "the record is in" in watched.stderr
    assert "Traceback" not in watched.stderr


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a place that nobody can write")
def test_place_that_only_seems_writable(tmp_path: Path) -> None:
    write(tmp_path, "print('I ran')\n")
    for option in ("--record", "--output"):
        said = one_line(unstuck("run", option, "/proc/self/run.db", "train.py", cwd=tmp_path))
        assert "/proc/self" in said


@pytest.fixture(scope="module")
def sick(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A record of a sick run."""
    folder = tmp_path_factory.mktemp("sick")
    write(folder, DOUBLE_SOFTMAX)
    completed = unstuck("run", "--record", "run.db", "train.py", cwd=folder)
    assert completed.returncode == 0
    assert "softmax-before-cross-entropy" in completed.stderr
    return folder / "run.db"


def test_fail_on(tmp_path: Path) -> None:
    write(tmp_path, DOUBLE_SOFTMAX)
    assert unstuck("run", "--fail-on", "error", "train.py", cwd=tmp_path).returncode == 1
    write(tmp_path, MLP)
    assert unstuck("run", "--fail-on", "warning", "train.py", cwd=tmp_path).returncode == 0


def test_check_and_its_status(sick: Path, tmp_path: Path) -> None:
    found = unstuck("check", sick, cwd=tmp_path)
    assert found.returncode == 1
    assert found.stderr == ""
    assert "softmax-before-cross-entropy" in found.stdout
    others = unstuck("check", "--ignore", "U801", "--select", "U8", sick, cwd=tmp_path)
    assert others.returncode == 0
    assert "softmax" not in others.stdout
    only = unstuck("check", "--select", "U1,dead-relu", sick, cwd=tmp_path)
    assert only.returncode == 0


def test_check_of_a_record_that_was_cut_off(sick: Path, tmp_path: Path) -> None:
    whole = sick.read_bytes()
    cut = tmp_path / "cut.db"
    for length in (0, 100, len(whole) // 3, len(whole) * 2 // 3, len(whole) - 5):
        cut.write_bytes(whole[:length])
        completed = unstuck("check", "cut.db", cwd=tmp_path)
        assert "Traceback" not in completed.stderr
        assert completed.returncode in (0, 1, 2)
        if completed.returncode == 2:
            assert "cut.db" in one_line(completed)


def test_output_goes_to_the_file(sick: Path, tmp_path: Path) -> None:
    completed = unstuck("check", "--output", "out.txt", sick, cwd=tmp_path)
    assert completed.stdout == completed.stderr == ""
    text = (tmp_path / "out.txt").read_text()
    assert "softmax-before-cross-entropy" in text
    assert COLOUR not in text


def test_terminal_that_knows_only_ascii(sick: Path, tmp_path: Path) -> None:
    completed = unstuck("check", sick, cwd=tmp_path, env={"PYTHONIOENCODING": "ascii"})
    assert completed.returncode == 1
    assert completed.stderr == ""
    assert "softmax-before-cross-entropy" in completed.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is full")
def test_full_disk(sick: Path, tmp_path: Path) -> None:
    said = one_line(unstuck("check", "--output", "/dev/full", sick, cwd=tmp_path))
    assert "/dev/full cannot be written: No space left on device" in said


def test_reader_that_has_seen_enough(sick: Path, tmp_path: Path) -> None:
    command = f"{sys.executable} -m unstuck check -v {sick} | head -1"
    completed = subprocess.run(
        command, shell=True, cwd=tmp_path, env=environment(), capture_output=True, check=False
    )
    assert completed.stdout.count(b"\n") == 1
    assert b"Traceback" not in completed.stderr


def test_colours_only_on_a_terminal(sick: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "unstuck", "check", str(sick)]
    assert COLOUR not in unstuck("check", sick, cwd=tmp_path).stdout

    def on_terminal(**more: str) -> str:
        ours_, theirs = pty.openpty()
        env = environment(TERM="xterm-256color", **more)
        process = subprocess.Popen(command, cwd=tmp_path, stdout=theirs, env=env)
        os.close(theirs)
        seen = b""
        while True:
            try:
                part = os.read(ours_, 65536)
            except OSError:  # how a terminal says that nobody writes to it any more
                break
            if not part:
                break
            seen += part
        process.wait()
        os.close(ours_)
        return seen.decode()

    assert COLOUR + "1;31m" in on_terminal()
    assert COLOUR + "1;31m" not in on_terminal(NO_COLOR="1")
    assert "31m" not in on_terminal(NO_COLOR="1")


# ---------------------------------------------------------------------- schema 1

OPTIONAL = object()
LOCATION = {"file": str, "line": int, "column": int, "end_line": int, "end_column": int}
FINDING = {
    "obstacle": str,
    "code": str,
    "severity": str,
    "first": bool,
    "confidence": float,
    "layers": list,
    "steps": list,
    "location": (dict, type(None)),
    "message": str,
    "evidence": dict,
    "consequence_of": (str, type(None)),
    "remedies": list,
    "notes": list,
    "known_at": (int, type(None)),
    "run": int,
}
REPORT = {
    "schema": int,
    "unstuck": str,
    "script": str,
    "framework": (str, type(None)),
    "steps": int,
    "record": str,
    "status": (int, type(None)),
    "findings": list,
}
TRIAL = {
    "remedies": list,
    "settings": str,
    "seed": int,
    "steps": int,
    "objective": (float, int, type(None)),
    "status": str,
}
VERDICT = {
    "status": str,
    "remedies": list,
    "settings": list,
    "objective": (dict, type(None)),
    "p_value": (float, type(None)),
    "effect": (float, str, type(None)),
    "interval": (list, type(None)),
    "cost": dict,
    "patch": str,
    "imports_unstuck": bool,
    "changes": list,
    "notes": list,
}


def has(data: dict[str, Any], shape: dict[str, Any], whole: bool = True) -> None:
    """Assert that an object has exactly these keys (or at most them), of these types."""
    assert set(data) == set(shape) if whole else set(data) <= set(shape)
    for key, value in data.items():
        assert isinstance(value, shape[key]), key


def is_schema_1(data: Any, fix: bool = False) -> None:
    """Assert that a report has the shape of design.md, section 6."""
    has(data, {**REPORT, **({"trials": list, "verdict": dict} if fix else {})})
    assert data["schema"] == 1
    for finding in data["findings"]:
        has(finding, FINDING)
        assert finding["severity"] in ("info", "warning", "error")
        assert re.fullmatch(r"U\d{3}", finding["code"])
        assert finding["steps"][0] <= finding["steps"][1] < data["steps"]
        for remedy in finding["remedies"]:
            has(remedy, {"name": str, "applicability": str})
            assert remedy["applicability"] in ("safe", "unsafe", "display")
        if finding["location"] is not None:
            has(finding["location"], LOCATION, whole=False)
    firsts = [finding["first"] for finding in data["findings"]]
    assert firsts == sorted(firsts, reverse=True)
    assert sum(firsts) <= 1
    if fix:
        for trial in data["trials"]:
            has(trial, TRIAL)
        has(data["verdict"], VERDICT)
        has(
            data["verdict"]["cost"],
            {"steps": int, "steps_ratio": (float, type(None)), "seconds": float},
        )
        if data["verdict"]["objective"] is not None:
            has(
                data["verdict"]["objective"],
                {
                    "name": str,
                    "goal": str,
                    "steps": (int, type(None)),
                    "before": list,
                    "after": list,
                },
            )


def test_json(sick: Path, tmp_path: Path) -> None:
    completed = unstuck("check", "--format", "json", sick, cwd=sick.parent)
    data = strict(completed.stdout)
    is_schema_1(data)
    assert data["script"] == "train.py"
    assert data["framework"] == "torch"
    assert data["steps"] == 60
    first = data["findings"][0]
    assert (first["obstacle"], first["first"]) == ("softmax-before-cross-entropy", True)
    assert first["location"]["file"] == "train.py"
    assert first["location"]["line"] == 1 + DOUBLE_SOFTMAX.split("nn.Softmax")[0].count("\n")


def test_json_of_a_run_whose_loss_is_nan(tmp_path: Path) -> None:
    write(
        tmp_path,
        MLP.replace(
            "loss.backward()",
            "loss = loss * (float('nan') if epoch > 5 else 1)\n        loss.backward()",
        ),
    )
    completed = unstuck("run", "--format", "json", "--output", "o.json", "train.py", cwd=tmp_path)
    assert completed.returncode == 0
    assert completed.stderr == ""
    data = strict((tmp_path / "o.json").read_text())
    is_schema_1(data)
    assert data["findings"][0]["obstacle"] == "non-finite-values"


def test_json_of_a_script_without_training(tmp_path: Path) -> None:
    write(tmp_path, "import sys; sys.exit(5)\n")
    completed = unstuck("run", "--format", "json", "train.py", cwd=tmp_path)
    data = strict(completed.stderr)
    is_schema_1(data)
    assert (data["steps"], data["findings"], data["status"]) == (0, [], 5)
    assert completed.returncode == 5


# ---------------------------------------------------------------------- stopping


def test_stop_on_error_ends_the_run_before_the_weights_are_lost(tmp_path: Path) -> None:
    source = MLP.replace("optimizer.step()", "optimizer.step(); print('step', flush=True)")
    source = source.replace("lr=0.02", "lr=1e30")
    write(tmp_path, source)
    completed = unstuck("run", "--stop-on", "error", "train.py", cwd=tmp_path)
    assert completed.returncode == 1
    assert "Traceback" not in completed.stderr
    assert completed.stdout.count("step") < 20
    assert any("stopped" in line for line in ours(completed.stderr))


# ---------------------------------------------------------------------- explain, rules


NAMES = [*registry.obstacles(), *registry.remedies()]


@pytest.mark.parametrize("name", [*NAMES, *(kind.code for kind in registry.obstacles().values())])
def test_explain(name: str) -> None:
    done = CliRunner().invoke(main, ["explain", name])
    assert done.exit_code == 0, done.output
    assert done.output.strip()
    kind = registry.obstacles().get(name) or registry.remedies().get(name)
    if kind is not None:
        assert done.output.startswith(name)
        assert (kind.__doc__ or "").splitlines()[0] in done.output


def test_rules(tmp_path: Path) -> None:
    text = unstuck("rules", cwd=tmp_path).stdout
    data = strict(unstuck("rules", "--format", "json", cwd=tmp_path).stdout)
    assert [o["name"] for o in data["obstacles"]] == list(registry.obstacles())
    assert [r["name"] for r in data["remedies"]] == list(registry.remedies())
    for entry in (*data["obstacles"], *data["remedies"]):
        assert entry["name"] in text
        assert entry["summary"].endswith(".")


def test_help_answers_at_once(tmp_path: Path) -> None:
    completed = python("-X", "importtime", "-m", "unstuck", "--help", cwd=tmp_path)
    for verb in ("run", "check", "fix", "explain", "rules"):
        assert re.search(rf"^  {verb}\s", completed.stdout, re.MULTILINE)
    for heavy in ("torch", "libcst", "rich", "numpy", "plotly", "sqlite3"):
        assert not re.search(rf"\| +{heavy}$", completed.stderr, re.MULTILINE)


# ---------------------------------------------------------------------- fix


def test_fix_of_a_script_that_trains_nothing(tmp_path: Path) -> None:
    write(tmp_path, "print('hello')\n")
    completed = unstuck("fix", "train.py", cwd=tmp_path)
    assert completed.returncode == 2
    assert "Traceback" not in completed.stderr
    assert "trains nothing that unstuck can see" in ours(completed.stderr)[-1]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import nobody_has_this\n", "No module named 'nobody_has_this'"),
        ("raise ValueError('no data')\n", "ValueError: no data"),
        ("import sys; sys.exit(3)\n", ""),
    ],
)
def test_fix_of_a_script_that_fails_before_it_trains(
    tmp_path: Path, source: str, said: str
) -> None:
    write(tmp_path, source)
    completed = unstuck("fix", "train.py", cwd=tmp_path)
    assert completed.returncode == (3 if "exit" in source else 1)
    assert completed.stderr.count("Traceback") == int("exit" not in source)
    assert "/unstuck/" not in completed.stderr
    assert "fails before it trains" in ours(completed.stderr)[-1]
    assert said in ours(completed.stderr)[-1]


def test_fix_with_a_metric_that_never_matches(tmp_path: Path) -> None:
    write(tmp_path, DOUBLE_SOFTMAX)
    completed = unstuck("fix", "--metric", "precision: ([0-9.]+)", "train.py", cwd=tmp_path)
    assert completed.returncode == 2
    assert "matches nothing in the script's output" in ours(completed.stderr)[-1]
    assert completed.stdout == ""


def test_fix_of_a_healthy_script(tmp_path: Path) -> None:
    write(tmp_path, MLP)
    completed = unstuck("fix", "train.py", cwd=tmp_path)
    assert completed.returncode == 0
    assert "nothing to fix" in completed.stdout


def test_fix_proves_shows_and_applies_the_patch(tmp_path: Path) -> None:
    script = write(tmp_path, DOUBLE_SOFTMAX)
    arguments = ["--format", "json", "--output", "o.json", "--diff", "a.diff"]
    arguments += ["--metric", r"loss: ([0-9.]+)", "--goal", "min", "--apply"]
    completed = unstuck("fix", *arguments, "train.py", cwd=tmp_path)
    assert completed.returncode == 0, completed.stderr
    data = strict((tmp_path / "o.json").read_text())
    is_schema_1(data, fix=True)
    verdict = data["verdict"]
    assert verdict["status"] == "fixed"
    assert verdict["remedies"] == ["drop-softmax"]
    assert verdict["p_value"] == 0.05
    assert max(verdict["objective"]["after"]) < min(verdict["objective"]["before"])
    assert verdict["patch"] == (tmp_path / "a.diff").read_text()
    assert "unstuck" not in verdict["patch"].lower()
    assert "unstuck: train.py written" in completed.stderr
    assert "Softmax" not in script.read_text()


def test_fix_of_a_script_that_never_ends(tmp_path: Path) -> None:
    """The budget holds, and what could be measured is used."""
    write(tmp_path, DOUBLE_SOFTMAX.replace("range(15)", "range(10**9)"))
    began = time.monotonic()
    completed = unstuck("fix", "--budget", "20s", "train.py", cwd=tmp_path)
    assert time.monotonic() - began < 40
    assert completed.returncode in (0, 1)
    assert "Traceback" not in completed.stderr
    assert "softmax-before-cross-entropy" in completed.stdout
    assert "the budget ended before the patched script did" in completed.stdout


def test_fix_of_a_script_that_fails_after_training(tmp_path: Path) -> None:
    write(tmp_path, DIES)
    completed = unstuck("fix", "train.py", cwd=tmp_path)
    assert completed.returncode == 0
    assert "the script fails after training: ValueError: the disk is full" in completed.stdout


def ended(pid: int) -> bool:
    """Return whether a process is gone, within a few seconds."""
    for _ in range(50):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


def test_interrupted_fix_leaves_nothing_running(tmp_path: Path) -> None:
    noted = "import os; open(f'pid-{os.getpid()}', 'w')\n"
    write(tmp_path, noted + ENDLESS)
    process = begin("-m", "unstuck", "fix", "train.py", cwd=tmp_path)
    end = time.monotonic() + 60
    while not list(tmp_path.glob("pid-*")) and time.monotonic() < end:
        time.sleep(0.05)
    time.sleep(0.5)
    _, err = interrupt(process)
    assert process.returncode != 0
    assert "Traceback" not in err
    pids = [int(path.name.removeprefix("pid-")) for path in tmp_path.glob("pid-*")]
    assert pids
    for pid in pids:
        assert ended(pid)
