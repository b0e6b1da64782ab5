"""The claims page: every script compiles, every claim of the lecture has its row and verdict."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent.parent
CLAIMS = HERE / "claims"
PAGE = HERE / "docs" / "claims.md"
SCRIPTS = sorted(p for p in CLAIMS.glob("*.py") if p.stem not in ("bench", "lecture", "run"))
LECTURE = (
    "full-batch descent is slower than mini-batches per pass",
    "SGD's steps are noisier",
    "momentum removes zig-zag",
    "momentum gets there sooner",
    "RMSProp gives parameters that changed little larger steps",
    "Adam joins",
    "Adam is the best first choice",
    "a sigmoid's gradient dies with depth",
    "ReLU's gradient does not",
    "ReLU is cheaper",
    "weights that start too small or too large lose the signal",
    "Xavier suits sigmoid and tanh",
    "He suits ReLU",
    "Keras `Dense` starts with He",
    "L2 keeps weights small",
    "L1 makes unimportant weights exactly zero",
    "L1 selects features",
    "dropout of 0.5 prevents overfitting",
    "dropout acts like an ensemble",
    "Batch Normalization gives each mini-batch mean 0 and variance 1",
    "Batch Normalization trains faster",
    "Batch Normalization trains steadier",
    "Batch Normalization allows larger learning rates",
    "Batch Normalization is less sensitive to initialization",
    "Batch Normalization regularizes a little",
)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_compiles(script: Path) -> None:
    compile(script.read_text(), str(script), "exec")


def test_the_page_has_every_claim_of_the_lecture() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    for claim in LECTURE:
        (row,) = [row for row in rows if claim.lower() in row.lower()]
        assert re.search(r"\*\*(confirmed|only under conditions|false)\*\* \|$", row), row


def test_every_check_is_on_the_page_and_its_scripts_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(CLAIMS))
    from lecture import CLAIMS as CHECKS  # type: ignore[import-not-found]

    for name in ("bench", "lecture"):
        monkeypatch.delitem(sys.modules, name)
    text = PAGE.read_text()
    stems = {path.stem for path in SCRIPTS}
    for check in CHECKS:
        assert f"## {check.statement}" in text
        assert check.criterion in text
        assert set(check.scripts) <= stems
    assert {script for check in CHECKS for script in check.scripts} == stems
