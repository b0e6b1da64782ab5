"""The examples from end to end: found at the right line, repaired by a patch that stands alone."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from scripts import python, strict, unstuck

EXAMPLES = Path(__file__).parents[1] / "examples"


@dataclass(frozen=True)
class Case:
    """What has to come out of an example.

    Attributes:
        found: Any of these obstacles is the right first diagnosis.
        line: What the line that it points to contains.
        enough: The last number that the patched script prints, at best or at worst.
        most: Whether that number should be large.
    """

    found: tuple[str, ...]
    line: str
    enough: float
    most: bool = True


CASES = {
    "deep_sigmoid": Case(("vanishing-gradient",), "nn.Linear(width, 64)", 0.93),
    "exploding_relu": Case(
        ("mismatched-initialization", "exploding-gradient"), "self.first = nn.Linear", 0.9
    ),
    "dying_relu": Case(("dead-relu",), "nn.ReLU()", 0.9),
    "narrow_valley": Case(("zigzag-descent",), "torch.optim.SGD(", 0.001, most=False),
    "small_table": Case(("overfitting",), "nn.Linear(10, 128)", 0.65, most=False),
}

ALONE = """\
import os, runpy, sys
import sklearn.datasets, sklearn.model_selection, sklearn.preprocessing, torch
sys.modules["unstuck"] = None  # importing it fails
for path in sys.argv[1:]:
    pid = os.fork()
    if pid == 0:
        os.dup2(os.open(path + ".out", os.O_WRONLY | os.O_CREAT), 1)
        sys.argv = [path]
        runpy.run_path(path, run_name="__main__")
        sys.stdout.flush()
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0, path
"""


def scores(folder: Path, source: str, name: str) -> list[float]:
    """Run a script without unstuck on three seeds; return the last number that each prints."""
    paths = []
    for seed in range(3):
        shifted = re.sub(r"seed\((\d+)\)", rf"seed(\1 + {10 * seed})", source)
        path = folder / f"{name}-{seed}.py"
        path.write_text(shifted)
        paths.append(path)
    done = python("-c", ALONE, *paths, cwd=folder)
    assert done.returncode == 0, done.stderr
    return [float(Path(f"{path}.out").read_text().split()[-1]) for path in paths]


@pytest.mark.parametrize("name", [*CASES, "healthy"])
def test_first_diagnosis(name: str, tmp_path: Path) -> None:
    script = Path(shutil.copy(EXAMPLES / f"{name}.py", tmp_path))
    watched = unstuck("run", "--format", "json", "--output", "o.json", script.name, cwd=tmp_path)
    assert watched.returncode == 0, watched.stderr
    found = strict((tmp_path / "o.json").read_text())["findings"]
    if name == "healthy":
        assert found == []
        return
    assert found[0]["first"]
    assert found[0]["obstacle"] in CASES[name].found
    assert found[0]["location"]["file"] == script.name
    line = script.read_text().splitlines()[found[0]["location"]["line"] - 1]
    assert CASES[name].line in line
    others = [f for f in found[1:] if f["severity"] != "info"]
    assert all(f["consequence_of"] for f in others), "one cause, one first diagnosis"


@pytest.mark.parametrize("name", CASES)
def test_patch_repairs_the_script_by_itself(name: str, tmp_path: Path) -> None:
    script = Path(shutil.copy(EXAMPLES / f"{name}.py", tmp_path))
    before = script.read_text()
    fixed = unstuck(
        *("fix", "--format", "json", "--output", "o.json", "--diff", "a.diff", script.name),
        cwd=tmp_path,
        timeout=300,
    )
    assert fixed.returncode == 0, fixed.stderr
    assert script.read_text() == before, "only --apply writes"
    verdict = strict((tmp_path / "o.json").read_text())["verdict"]
    assert verdict["status"] == "fixed", (verdict, fixed.stderr)
    assert verdict["p_value"] <= 0.05
    assert not verdict["imports_unstuck"]
    subprocess.run(["patch", "-s", "-i", "a.diff", script.name], cwd=tmp_path, check=True)
    patched = script.read_text()
    assert "unstuck" not in patched
    case = CASES[name]
    was, is_ = scores(tmp_path, before, "before"), scores(tmp_path, patched, "after")
    sign = 1 if case.most else -1
    assert min(sign * s for s in is_) > max(sign * s for s in was), (was, is_)
    assert min(sign * s for s in is_) >= sign * case.enough, (was, is_)


def test_healthy_script_has_nothing_to_fix(tmp_path: Path) -> None:
    shutil.copy(EXAMPLES / "healthy.py", tmp_path)
    fixed = unstuck("fix", "--format", "json", "healthy.py", cwd=tmp_path)
    assert fixed.returncode == 0
    data = strict(fixed.stdout)
    assert data["verdict"]["status"] == "nothing-to-fix"
    assert data["findings"] == []
    assert data["verdict"]["patch"] == ""
