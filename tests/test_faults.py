"""Whatever happens to unstuck, the training goes on and its result is the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scripts import DONE, MLP, Completed, forked, ours, unstuck, write
from unstuck.record import read

SLOW = "import time\n" + MLP.replace(
    "        optimizer.step()\n", "        optimizer.step()\n        time.sleep(0.01)\n"
)

FAILING = """
from unstuck.frameworks.torch import TorchWatcher
from unstuck.frameworks.torch_training import Training
def fail(*args, **kwargs):
    raise KeyError("a mistake\\nof ours")
"""

AT_STEP_20 = """
from unstuck.frameworks.torch_training import Training
step_ends = Training.step_ends
def then_it_happens(training):
    step_ends(training)
    if training.step == 20:
        training.recorder.commit()
        happen()
Training.step_ends = then_it_happens
"""

FAULTS = {
    "disk-full": f"""{AT_STEP_20}
import os, resource
def happen():
    most = os.path.getsize("run.db-wal") + 2000
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
""",
    "no-place": "import os; os.mkdir('run.db')",
    "vanished-directory": f"""{AT_STEP_20}
import os, shutil
def happen():
    shutil.rmtree(os.getcwd())
""",
    "locked": f"""{AT_STEP_20}
import sqlite3
def happen():
    global database
    database = sqlite3.connect("run.db", isolation_level=None)
    database.execute("BEGIN IMMEDIATE")
""",
    "sample-fails": f"""{FAILING}{AT_STEP_20}
def happen():
    Training._sample = fail
""",
    "hook-fails": f"{FAILING}\nTraining._layer_ran = fail",
    "every-step-fails": f"{FAILING}\nTorchWatcher._scalar = fail",
    "last-word-fails": f"{FAILING}\nTraining.write_facts = fail",
    "nobody-listens": f"{FAILING}\nTraining.step_ends = fail\nimport sys\nsys.stderr.close()",
    "clock-goes-backwards": """
import time
start, forward = time.time(), time.perf_counter
time.perf_counter = lambda: -forward()
time.time = lambda: start - forward()
""",
}
"""Name -> what happens, as source that is executed before the script."""

SAID = {
    "disk-full": "run.db cannot be written: ",
    "no-place": "the script runs unwatched",
    "locked": "run.db cannot be written: database is locked",
    "sample-fails": "watching stopped, the training goes on (KeyError: 'a mistake",
    "hook-fails": "watching stopped, the training goes on (KeyError: 'a mistake",
    "every-step-fails": "watching stopped, the training goes on (KeyError: 'a mistake",
    "last-word-fails": "watching stopped, the training goes on (KeyError: 'a mistake",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("faults")


@pytest.fixture(scope="module")
def runs(folder: Path) -> dict[str, Completed]:
    done = forked(write(folder, SLOW + DONE), FAULTS)
    return dict(zip(["alone", *FAULTS], done, strict=True))


@pytest.mark.parametrize("fault", FAULTS)
def test_the_training_goes_on(fault: str, runs: dict[str, Completed], folder: Path) -> None:
    alone, watched = runs["alone"], runs[fault]
    assert "weights" in alone.stdout
    assert watched.stdout == alone.stdout
    assert watched.returncode == 0
    assert "Traceback" not in watched.stderr
    lines = watched.stderr.splitlines()
    assert len(lines) == (fault in SAID), watched.stderr
    assert SAID.get(fault, "") in watched.stderr


@pytest.mark.parametrize("fault", ["disk-full", "locked", "sample-fails", "clock-goes-backwards"])
def test_what_was_seen_until_then_is_kept(
    fault: str, runs: dict[str, Completed], folder: Path
) -> None:
    (run,) = read(folder / fault / "run.db").runs
    assert len(run.loss) >= (60 if fault == "clock-goes-backwards" else 20)
    assert run.loss.steps == tuple(range(len(run.loss)))


ODD = "a <b onclick=\"x('1')\">&amp; \\u202e\\ud800\\x00\\x1b[2J ü 漢"


def test_layers_may_have_any_name(tmp_path: Path) -> None:
    """Quotes, markup, directions, control characters, half characters."""
    source = MLP.replace(
        "nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 2))",
        "nn.Sequential()\n"
        f"model.add_module({ODD!r}.encode().decode('unicode_escape'), nn.Linear(8, 16))\n"
        "model.add_module('soft', nn.Softmax(dim=1))\n"
        "model.add_module('\"; DROP TABLE facts; --', nn.Linear(16, 2))\n"
        "model.add_module('last', nn.Softmax(dim=1))",
    )
    write(tmp_path, source)
    done = unstuck("run", "--record", "r.db", "--format", "json", "train.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stderr[done.stderr.index("{") :])
    assert found["findings"][0]["obstacle"] == "softmax-before-cross-entropy"
    (run,) = read(tmp_path / "r.db").runs
    assert len(run.layers) == 2
    assert all(run.of("gradient_rms", layer.name) for layer in run.layers)
    shown = unstuck("check", "-v", "r.db", cwd=tmp_path)
    assert shown.returncode == 1
    assert "\x1b" not in shown.stdout
    assert ours(shown.stdout)


@pytest.mark.parametrize("name", ["statistics", "sqlite3"])
def test_a_file_named_like_a_standard_module_is_the_scripts(tmp_path: Path, name: str) -> None:
    """Both are modules that watching needs and that torch does not."""
    write(tmp_path, "def answer():\n    return 42\n", f"{name}.py")
    script = write(tmp_path, f"import {name}\n{MLP}print({name}.answer())\n")
    done = unstuck("run", script.name, cwd=tmp_path)
    assert done.stdout.splitlines()[-1] == "42"
    assert "60 steps watched" in done.stderr, done.stderr
    module = unstuck("run", "-m", script.stem, cwd=tmp_path)
    assert module.stdout.splitlines()[-1] == "42"
    assert "60 steps watched" in module.stderr, module.stderr
