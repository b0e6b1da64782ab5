"""Reports for CI: annotations as GitHub reads them, SARIF that is valid."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from scripts import DOUBLE_SOFTMAX, strict, unstuck, write
from unstuck import registry
from unstuck.diagnosis import diagnose
from unstuck.findings import Location
from unstuck.record import Recording
from unstuck.report import Report
from unstuck.report import github as report_github
from unstuck.report import sarif as report_sarif
from unstuck.signals import Run
from unstuck.verdict import Verdict

SCHEMA = Path(__file__).parent / "schemas" / "sarif-2.1.0.json"
"""As @microsoft/sarif-multitool-linux 5.7.0 (MIT) ships it."""
NASTY = "a%b:c,d\r\n::error::x\x1b[2J 100 %"


def report(run: Run, **more: Any) -> Report:
    recording = Recording("run.db", (run,), {"script": "train.py"})
    return Report(recording, diagnose(recording), **more)


@cache
def schema() -> Draft202012Validator:
    return Draft202012Validator(json.loads(SCHEMA.read_text()))


def valid(text: str) -> dict[str, Any]:
    data = strict(text)
    schema().validate(data)
    return data  # type: ignore[no-any-return]


def unescaped(text: str) -> str:
    """Undo what the runner undoes."""
    for escaped, plain in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(escaped, plain)
    return text


@pytest.mark.parametrize("name", registry.obstacles())
def test_every_obstacle_in_both(name: str) -> None:
    sick = report(registry.obstacle(name).SICK)
    data = valid(report_sarif.render([sick]))
    result = data["runs"][0]["results"][0]
    kind = registry.obstacle(name)
    assert result["ruleId"] == kind.code
    assert data["runs"][0]["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == kind.code
    lines = report_github.render(sick).splitlines()
    assert lines
    for line in lines:
        assert re.match(r"::(error|warning|notice) (file=[^,]+,line=\d+,)?title=U\d+ ", line)
    assert f"title={kind.code} {name}::" in lines[0]


def test_names_are_data() -> None:
    run = registry.obstacle("vanishing-gradient").SICK
    layers = tuple(replace(la, name=NASTY + la.name) for la in run.layers)
    series = {(NASTY + la if la else la, s): v for (la, s), v in run.series.items()}
    layers = tuple(replace(la, location=Location(f"{NASTY}.py", 3)) for la in layers)
    shown = report(replace(run, layers=layers, series=series), verbose=True)
    lines = report_github.render(shown).split("\n")
    assert lines.pop() == ""
    assert len(lines) == len(shown.findings)
    for line in lines:
        assert not any(ord(c) < 32 for c in line)
    command, properties, message = re.fullmatch(r"::(\w+) (.*?)::(.*)", lines[0]).groups()  # type: ignore[union-attr]
    assert command == "error"
    given = dict(part.split("=", 1) for part in properties.split(","))
    assert unescaped(given["file"]) == f"{NASTY}.py".replace("\x1b", "\ufffd")
    assert given["line"] == "3"
    assert NASTY.replace("\x1b", "\ufffd") in unescaped(message)
    data = valid(report_sarif.render([shown, shown]))
    assert len(data["runs"]) == 2
    uri = data["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]
    assert re.fullmatch(r"[\w%.\-]+", uri["uri"])


def test_paths_begin_at_the_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "jobs").mkdir()
    monkeypatch.chdir(tmp_path / "jobs")
    run = registry.obstacle("dead-relu").SICK
    assert "file=train.py," in report_github.render(report(run))
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))
    assert "file=jobs/train.py," in report_github.render(report(run))
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path / "elsewhere"))
    text = report_sarif.render([report(run)])
    assert (tmp_path / "jobs" / "train.py").as_uri() in text


def test_all_clear_and_verdict() -> None:
    healthy = report(registry.obstacle("dead-relu").HEALTHY)
    assert report_github.render(healthy) == ""
    assert valid(report_sarif.render([healthy]))["runs"][0]["results"] == []
    nothing = report(registry.obstacle("dead-relu").HEALTHY, verdict=Verdict("nothing-to-fix"))
    assert report_github.render(nothing) == (
        "::notice title=unstuck%3A nothing-to-fix::nothing-to-fix\n"
    )
    data = valid(report_sarif.render([nothing]))
    assert data["runs"][0]["properties"]["verdict"]["status"] == "nothing-to-fix"


def test_in_ci(tmp_path: Path) -> None:
    """`run`, `check` and `fix` on a script with a mistake; --fail-on counts."""
    write(tmp_path, DOUBLE_SOFTMAX)
    line = next(i for i, t in enumerate(DOUBLE_SOFTMAX.splitlines(), 1) if "Softmax" in t)
    annotated = rf"^::error file=train.py,line={line},(endLine=\d+,)?title=U801 softmax-before"
    run = unstuck("run", "--format", "github", "--fail-on", "error", "train.py", cwd=tmp_path)
    assert run.returncode == 1
    assert run.stdout.startswith("loss: ")
    assert re.search(annotated, run.stderr, re.M), run.stderr
    checked = unstuck("check", "--format", "github", ".unstuck/train.db", cwd=tmp_path)
    assert checked.returncode == 1
    assert re.search(annotated, checked.stdout, re.M)
    both = unstuck("check", "--format", "sarif", *[".unstuck/train.db"] * 2, cwd=tmp_path)
    assert both.returncode == 1
    assert [len(r["results"]) > 0 for r in valid(both.stdout)["runs"]] == [True, True]
    fixed = unstuck("fix", "--format", "sarif", "train.py", cwd=tmp_path)
    assert fixed.returncode == 0
    log = valid(fixed.stdout)["runs"][0]
    assert log["results"][0]["ruleId"] == "U801"
    assert log["properties"]["verdict"]["status"] == "fixed"
