"""The same from Python: what a notebook does, in a script of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import DONE, DOUBLE_SOFTMAX, MLP, python, write


def indented(source: str, by: str = "    ") -> str:
    return "".join(by + line if line.strip() else line for line in source.splitlines(keepends=True))


def parts(source: str) -> tuple[str, str]:
    """Return what builds the model, and the loop that trains it."""
    start, loop, rest = source.partition("for epoch")
    return start, loop + rest


WATCHED = f"""\
import unstuck
with unstuck.watch() as run:
{indented(DOUBLE_SOFTMAX)}
found = run.findings()
print(run._repr_html_().startswith("<iframe srcdoc="), "Found softmax" in run._repr_html_())
print(found[0].obstacle, found[0].first, found[0].location.line, run.recording().runs[0].steps)
"""


def test_watch(tmp_path: Path) -> None:
    completed = python(write(tmp_path, WATCHED), cwd=tmp_path)
    assert completed.returncode == 0, completed.stderr
    line = 1 + WATCHED.partition("nn.Softmax")[0].count("\n")
    assert completed.stdout.splitlines()[-2:] == [
        "True True",
        f"softmax-before-cross-entropy True {line} 60",
    ]


def test_model_built_before_watching_began(tmp_path: Path) -> None:
    """Its layers have names and numbers; where they were made cannot be known any more."""
    start, loop = parts(DOUBLE_SOFTMAX)
    source = f"""\
{start}
import unstuck
with unstuck.watch("run.db") as run:
{indented(loop)}
(training,) = run.recording().runs
print([layer.name for layer in training.layers], training.steps, training.optimizer.name)
print(run.findings()[0].obstacle, run.record)
"""
    completed = python(write(tmp_path, source), cwd=tmp_path)
    assert completed.returncode == 0, completed.stderr
    assert completed.stderr == ""
    assert completed.stdout.splitlines()[-2:] == [
        "['0', '2'] 60 Adam",
        "softmax-before-cross-entropy run.db",
    ]


def test_findings_while_it_trains_and_after_it_failed(tmp_path: Path) -> None:
    source = f"""\
import unstuck
seen = []
try:
    with unstuck.watch() as run:
{
        indented(
            DOUBLE_SOFTMAX.replace(
                "    for rows", "    seen.append(len(run.findings()))" + chr(10) + "    for rows"
            ),
            " " * 8,
        )
    }
        raise ValueError("stopped")
except ValueError as error:
    print(error, seen[0], max(seen) > 0, run.findings()[0].obstacle)
"""
    completed = python(write(tmp_path, source), cwd=tmp_path)
    assert completed.returncode == 0, completed.stderr
    assert completed.stdout.splitlines()[-1] == "stopped 0 True softmax-before-cross-entropy"


def test_watching_twice_and_nothing_else_changes(tmp_path: Path) -> None:
    source = f"""\
import unstuck
for _ in range(2):
    with unstuck.watch(budget=10.0) as run:
{indented(MLP, " " * 8)}
    print([f.obstacle for f in run.findings()], run.recording().runs[0].steps)
{DONE}"""
    alone = python(write(tmp_path, MLP + DONE), cwd=tmp_path)
    completed = python(write(tmp_path, source), cwd=tmp_path)
    assert completed.returncode == 0, completed.stderr
    *lines, weights = completed.stdout.splitlines()
    assert lines[1::2] == ["[] 60", "[] 60"]
    assert weights == alone.stdout.splitlines()[-1]


FIXED = f"""\
import unstuck

def train():
{indented(DOUBLE_SOFTMAX)}

result = unstuck.fix(train, budget="2m", quiet=True)
print(result.verdict.status, result.verdict.remedies, len(result.verdict.after))
print(result.verdict.patch)
"""


def test_fix_of_a_function(tmp_path: Path) -> None:
    completed = python(write(tmp_path, FIXED), cwd=tmp_path)
    assert completed.returncode == 0, completed.stderr
    assert completed.stderr == ""
    status, *patch = completed.stdout.splitlines()
    assert status == "fixed ('drop-softmax',) 3"
    assert any(line.startswith("-") and "Softmax" in line for line in patch)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("unstuck.fix(print, quiet=True)", "trains nothing"),
        ("unstuck.fix('train.py')", "takes a function that builds and trains a model"),
        ("unstuck.fix(lambda: 1 / 0, quiet=True)", "ZeroDivisionError"),
        ("unstuck.fix(print, budget='soon')", "such as 10m or 3x"),
    ],
)
def test_fix_of_what_cannot_be_fixed(tmp_path: Path, call: str, said: str) -> None:
    source = f"import unstuck\ntry:\n    {call}\nexcept Exception as error:\n    print(error)\n"
    completed = python(write(tmp_path, source), cwd=tmp_path)
    assert completed.returncode == 0, completed.stderr
    assert said in completed.stdout.splitlines()[-1]
    assert completed.stderr == ""


def test_public_names(tmp_path: Path) -> None:
    source = """\
import sys, unstuck
assert "torch" not in sys.modules and "libcst" not in sys.modules
for name in unstuck.__all__:
    assert getattr(unstuck, name) is not None, name
try:
    unstuck.nonsense
except AttributeError as error:
    print(error)
"""
    completed = python(write(tmp_path, source), cwd=tmp_path)
    assert completed.returncode == 0, completed.stderr
    assert completed.stdout == "module 'unstuck' has no attribute 'nonsense'\n"
