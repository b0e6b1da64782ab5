"""Third parties' obstacles and remedies come in by entry points of installed packages."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import ours, strict, unstuck, write
from unstuck import registry

OBSTACLE = """\
from unstuck.obstacles import Obstacle
from unstuck.sketch import sketch

class ColdCoffee(Obstacle):
    '''The coffee is cold.'''
    code = "ACME1"
    remedies = ("use-adam",)
    SICK = HEALTHY = sketch()
    def check(self, run):
        return iter(())

class DeadRelu(ColdCoffee):
    '''A name that is taken.'''
    code = "ACME2"

class ColdTea(ColdCoffee):
    '''A code that is taken.'''
    code = "U101"
"""


def install(folder: Path, entries: str) -> dict[str, str]:
    """Lay a package with entry points where Python finds it; return the environment for that."""
    write(folder, OBSTACLE, "acme.py")
    info = folder / "acme-1.0.dist-info"
    info.mkdir()
    write(info, "Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n", "METADATA")
    write(info, entries, "entry_points.txt")
    return {"PYTHONPATH": str(folder)}


def test_obstacle_of_a_third_party(tmp_path: Path) -> None:
    env = install(tmp_path, "[unstuck.obstacles]\ncoffee = acme:ColdCoffee\n")
    completed = unstuck("rules", "--format", "json", cwd=tmp_path, env=env)
    names = [entry["name"] for entry in strict(completed.stdout)["obstacles"]]
    assert sorted(names) == sorted([*registry.obstacles(), "cold-coffee"])
    assert completed.stderr == ""
    assert "ACME1" in unstuck("explain", "ACME1", cwd=tmp_path, env=env).stdout


def test_broken_plug_in_is_one_warning(tmp_path: Path) -> None:
    entries = "[unstuck.obstacles]\na = nobody:Nothing\nb = acme:sketch\nc = acme:ColdCoffee\n"
    completed = unstuck("rules", cwd=tmp_path, env=install(tmp_path, entries))
    assert completed.returncode == 0
    said = sorted(ours(completed.stderr))
    assert len(said) == len(completed.stderr.splitlines()) == 2
    assert said[0].startswith("unstuck: plug-in a left out")
    assert said[1].startswith("unstuck: plug-in b left out")
    assert "cold-coffee" in completed.stdout


@pytest.mark.parametrize(
    ("name", "both"),
    [("DeadRelu", ("unstuck.obstacles.dead_relu", "acme")), ("ColdTea", ("U101", "ColdTea"))],
)
def test_clash_is_one_line_naming_both(tmp_path: Path, name: str, both: tuple[str, str]) -> None:
    env = install(tmp_path, f"[unstuck.obstacles]\na = acme:{name}\n")
    write(tmp_path, "print('hello')\n")
    for arguments in (["rules"], ["run", "train.py"], ["explain", "dead-relu"]):
        completed = unstuck(*arguments, cwd=tmp_path, env=env)
        assert completed.returncode == 2, completed.stderr
        (line,) = completed.stderr.splitlines()
        assert line.startswith("unstuck: ")
        assert all(part in line for part in both)


def test_select() -> None:
    everything = [kind.name() for kind in registry.select()]
    assert everything == list(registry.obstacles())
    assert [kind.code for kind in registry.select(["u1", "Dead-ReLU"])] == ["U101", "U102", "U201"]
    assert [kind.code for kind in registry.select(["U1"], ["U102"])] == ["U101"]
    with pytest.raises(registry.UnknownNameError, match="did you mean overfitting"):
        registry.select([], ["overfiting"])
    with pytest.raises(registry.UnknownNameError):
        registry.select([""])
