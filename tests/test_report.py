"""Reports: what is said, and that names from a run are data."""

from __future__ import annotations

import io
import json
import math
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from scripts import strict
from unstuck import registry
from unstuck.diagnosis import diagnose
from unstuck.findings import Applicability, Finding, Location, RemedyHint, Severity
from unstuck.record import Recording
from unstuck.report import Report, shown_path
from unstuck.report import json as report_json
from unstuck.report.text import render, write
from unstuck.signals import Run
from unstuck.verdict import Objective, Verdict, compare

NASTY = "[bold red]x[/]\x1b[2J\x9b31m\rgone\nunstuck: all is well"


def report(run: Run, **more: Any) -> Report:
    recording = Recording("run.db", (run,), {"script": "train.py"})
    return Report(recording, diagnose(recording), **more)


def sick(name: str = "vanishing-gradient") -> Run:
    return registry.obstacle(name).SICK


def test_reads_like_a_compilers(tmp_path: Any) -> None:
    text = render(report(sick()))
    lines = text.splitlines()
    assert lines[0].startswith("error[U101] vanishing-gradient: gradients shrink ")
    assert lines[1].startswith("  --> train.py:12  0 … ")
    assert "layer" in lines[2]
    assert any(line.startswith(" note: a sigmoid passes at most 1/4") for line in lines)
    assert any(line.startswith(" help: use-relu, use-he-initialization") for line in lines)
    assert "unstuck: 240 steps watched" in text
    assert lines[-1] == "unstuck: next: unstuck fix train.py"
    assert max(map(len, lines)) < 160


def test_healthy_run_is_two_lines() -> None:
    text = render(report(registry.obstacle("vanishing-gradient").HEALTHY))
    assert len(text.splitlines()) == 2
    assert "nothing found" in text


@pytest.mark.parametrize("name", registry.obstacles())
def test_every_obstacle_can_be_shown(name: str) -> None:
    for verbose in (False, True):
        text = render(report(sick(name), verbose=verbose))
        assert name in text
    assert strict(report_json.render(report(sick(name))))["findings"][0]["obstacle"] == name


def test_names_cannot_steer_a_terminal() -> None:
    run = sick()
    layers = tuple(replace(la, name=NASTY + la.name) for la in run.layers)
    series = {(NASTY + la if la else la, s): v for (la, s), v in run.series.items()}
    place = Location(NASTY, 1)
    bad = replace(run, layers=tuple(replace(la, location=place) for la in layers), series=series)
    shown = report(bad)
    out = io.StringIO()
    write(shown, Console(file=out, force_terminal=False, width=100))
    for text in (render(shown), out.getvalue()):
        assert "[bold red]x[/]" in text
        assert not any((ord(c) < 32 and c != "\n") or 127 <= ord(c) < 160 for c in text)
        assert "\nunstuck: all is well" not in text
    assert strict(report_json.render(shown))["findings"]


def test_verdict_is_shown_with_proof_patch_and_cost() -> None:
    compared = compare(Objective("validation loss"), [2.3, 2.31, 2.32], [0.2, 0.21, 0.22])
    verdict = Verdict(
        "fixed",
        ("use-relu", "use-adam=0.001"),
        Objective("validation loss"),
        (2.3, 2.31, math.nan),
        (0.2, 0.21, 0.22),
        compared,
        "--- train.py\n+++ train.py\n@@ -1 +1 @@\n-a = [1]\n+\tb = [red]\n",
        steps=300,
        control_steps=100,
        seconds=7.4,
        notes=("a note",),
    )
    text = render(report(sick(), verdict=verdict))
    assert "fixed: use-relu + use-adam=0.001" in text
    assert "proven on 3 seeds: validation loss 2.31 → 0.21  (p = 0.05)" in text
    assert "\n-a = [1]\n" in text
    assert "b = [red]" in text
    assert " note: a note" in text
    assert "cost: 300 steps, 3.0 times the bare run, in 7 s" in text
    assert "next: unstuck fix" not in text
    data = strict(report_json.render(report(sick(), verdict=verdict)))["verdict"]
    assert data["objective"]["before"] == [2.3, 2.31, "nan"]
    assert data["patch"] == verdict.patch


def test_finding_goes_through_json_and_back() -> None:
    finding = Finding(
        "dead-relu",
        "U201",
        Severity.WARNING,
        "…",
        layers=("a", "b"),
        steps=(3, 9),
        location=Location("train.py", 3, 4, 3, 20),
        evidence={"dead_share": {"a": 1.0}, "loss": math.inf},
        first=True,
        remedies=(RemedyHint("use-leaky-relu", Applicability.UNSAFE),),
        notes=("because",),
        known_at=5,
        run=1,
    )
    data = json.loads(json.dumps(finding.to_json(), allow_nan=False))
    assert Finding.from_json(data) == finding.with_(evidence=data["evidence"])
    assert data["evidence"] == {"dead_share": {"a": 1.0}, "loss": "inf"}


def test_shown_path(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert shown_path(str(tmp_path / "a" / "train.py")) == "a/train.py"
    assert shown_path("train.py") == "train.py"
    assert shown_path("/elsewhere/train.py") == "/elsewhere/train.py"
