"""[tool.unstuck]: what a project asks for, and what cannot be meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import write
from unstuck.config import Configuration, ConfigurationError, load
from unstuck.diagnosis import arrange, rearrange
from unstuck.findings import Finding, Severity


def loaded(folder: Path, text: str) -> Configuration:
    write(folder, text, "pyproject.toml")
    return load(folder)


def test_everything_can_be_set(tmp_path: Path) -> None:
    found = loaded(
        tmp_path,
        """
        [tool.unstuck]
        select = ["U1", "dead-relu"]
        ignore = ["U102"]
        budget = "2%"
        [tool.unstuck.per-layer-ignores]
        "encoder.*" = ["U201"]
        [tool.unstuck.thresholds.vanishing-gradient]
        RATIO = 1e-4
        """,
    )
    assert found.select == ("U1", "dead-relu")
    assert found.ignore == ("U102",)
    assert found.budget == "2%"
    assert found.thresholds == {"vanishing-gradient": {"RATIO": 1e-4}}
    assert found.per_layer_ignores == {"encoder.*": ["U201"]}


def test_nearest_table_counts(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    write(tmp_path, "[tool.unstuck]\nbudget = '3%'\n", "pyproject.toml")
    write(tmp_path / "a", "[project]\nname = 'a'\n", "pyproject.toml")
    assert load(tmp_path / "a" / "b").budget == "3%"
    assert loaded(tmp_path / "a" / "b", "tool = 3") == load(tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[tool.unstuck]\nselct = []", "has no 'selct'"),
        ("[tool.unstuck]\nselect = 'U1'", "is a list of names"),
        ("[tool.unstuck]\nignore = [1]", "is a list of names"),
        ("[tool.unstuck]\nthresholds = 1", "is a table"),
        ("[tool.unstuck.thresholds]\ndead-rleu = {}", "did you mean dead-relu?"),
        ("[tool.unstuck.thresholds]\ndead-relu = 1", "thresholds in"),
        ("[tool.unstuck.thresholds.dead-relu]\nNOTHING = 1", "no threshold NOTHING"),
        ("[tool.unstuck.thresholds.vanishing-gradient]\nRATIO = 'low'", "thresholds in"),
        ("[tool.unstuck]\nper-layer-ignores = []", "is a table"),
        ("[tool.unstuck.per-layer-ignores]\n'a.*' = 'U201'", "needs a list of names"),
        ("tool.unstuck = 3", "is a table"),
        ("[tool.unstuck\n", "cannot be read"),
    ],
)
def test_what_cannot_be_meant_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        loaded(tmp_path, text)
    assert said in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert str(tmp_path) in str(caught.value)


def finding(name: str, code: str, *layers: str) -> Finding:
    return Finding(name, code, Severity.ERROR, "…", layers=layers)


def test_exceptions_for_layers() -> None:
    ignores = {"encoder.*": ["U2"], "head": ["dead-relu"]}
    configuration = Configuration(per_layer_ignores=ignores)
    dead = finding("dead-relu", "U201", "encoder.0", "head")
    other = finding("dead-relu", "U201", "encoder.0", "body")
    vanishing = finding("vanishing-gradient", "U101", "encoder.0")
    whole = finding("overfitting", "U501")
    assert configuration.keep([dead, other, vanishing, whole]) == [other, vanishing, whole]


def test_without_the_cause_its_consequence_comes_first() -> None:
    cause = finding("vanishing-gradient", "U101", "a")
    slow = finding("slow-convergence", "U405")
    first, second = arrange([slow, cause])
    assert (first.obstacle, second.consequence_of) == ("vanishing-gradient", "vanishing-gradient")
    (left,) = rearrange([second])
    assert left.first
    assert left.consequence_of is None


def test_codes_of_others_are_ranked_too() -> None:
    """A third party's code has a prefix of its own."""
    assert [f.code for f in arrange([finding("mine", "ACME7"), finding("x", "")])] == ["", "ACME7"]
