"""Keras scripts from end to end: repaired by a patch that stands alone, seeds shifted in trials.

On TensorFlow ``make test-tensorflow`` runs them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest

from scripts import python, strict, unstuck, write
from unstuck.trials import imports, variables

if find_spec("keras") is None:  # to import it wants a backend, which each script names itself
    pytest.skip("Keras is not installed", allow_module_level=True)

BACKENDS = os.environ.get("UNSTUCK_KERAS", "jax,torch").split(",")
EXAMPLES = Path(__file__).parents[1] / "examples"
FIRST = {"KERAS_BACKEND": BACKENDS[0]}
REPAIRED = {"jax": "deep_sigmoid", "torch": "overfitting", "tensorflow": "deep_sigmoid"}
"""One example a backend: each takes minutes."""
ENOUGH = {"deep_sigmoid": (0.93, True), "overfitting": (0.72, False)}
"""What the patched example prints at least (True) or at most."""

DRAWS = """\
import keras
keras.utils.set_random_seed(7)
from keras.utils import set_random_seed as seed
seed(7)
def show(values):
    print(keras.ops.convert_to_numpy(values).tolist())
show(keras.random.normal((3,)))
show(keras.initializers.HeNormal(seed=1)((2, 2)))
show(keras.layers.Dense(2, kernel_initializer="he_normal").kernel_initializer((2, 2)))
"""

EXECUTE = """\
import sys
from unstuck.runner import Spec, execute
execute(Spec(sys.argv[2] + ".db", seed=int(sys.argv[3]), trial=True), sys.argv[1])
"""


@pytest.mark.parametrize("backend", BACKENDS)
def test_patch_repairs_the_script_by_itself(backend: str, tmp_path: Path) -> None:
    name, environment = REPAIRED[backend], {"KERAS_BACKEND": backend}
    enough, most = ENOUGH[name]
    script = Path(shutil.copy(EXAMPLES / f"keras_{name}.py", tmp_path))
    fixed = unstuck(
        *("fix", "--format", "json", "--output", "o.json", "--diff", "a.diff", script.name),
        cwd=tmp_path,
        env=environment,
        timeout=600,
    )
    assert fixed.returncode == 0, fixed.stderr
    verdict = strict((tmp_path / "o.json").read_text())["verdict"]
    assert verdict["status"] in ("fixed", "improved"), (verdict, fixed.stderr)
    assert verdict["p_value"] <= 0.05
    subprocess.run(["patch", "-s", "-i", "a.diff", script.name], cwd=tmp_path, check=True)
    assert "unstuck" not in script.read_text()
    shifted = script.read_text().replace("set_random_seed(", "set_random_seed(40 + ")
    alone = python(write(tmp_path, shifted, "alone.py"), cwd=tmp_path, env=environment)
    assert alone.returncode == 0, alone.stderr
    last = float(alone.stdout.split()[-1])
    assert last >= enough if most else last <= enough


def test_seeds_are_shifted_alike_in_trials_of_one_seed(tmp_path: Path) -> None:
    script = write(tmp_path, DRAWS)
    done = [
        python("-c", EXECUTE, script, number, seed, cwd=tmp_path, env=FIRST)
        for number, seed in enumerate((0, 1, 1))
    ]
    assert not any(each.returncode for each in done), done[0].stderr
    printed = [each.stdout for each in done]
    as_it_is = python(script, cwd=tmp_path, env=FIRST).stdout
    assert printed[0] == as_it_is != ""
    assert printed[1] == printed[2]
    drawn = zip(*(re.findall(r"-?\d+\.\d+", text) for text in printed[:2]), strict=True)
    assert all(one != other for one, other in drawn)


def test_the_backend_that_a_script_chooses(tmp_path: Path) -> None:
    chosen = write(tmp_path, 'import os\nos.environ["KERAS_BACKEND"] = "torch"\nimport keras\n')
    assert variables(str(chosen)) == {"KERAS_BACKEND": "torch"}
    assert imports(str(chosen)) == ["keras"]
    by_hand = 'import os, sys\nos.environ["KERAS_BACKEND"] = sys.argv[1]\nimport keras\n'
    asked = write(tmp_path, by_hand, "asked.py")
    assert variables(str(asked)) is None
    assert imports(str(asked)) == []
