"""A report as a page: what it says, that names from a run are data, and that it stays small."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files
from typing import Any

import plotly.graph_objects as go
import pytest

from unstuck import registry
from unstuck.diagnosis import diagnose
from unstuck.findings import Finding, Location, Severity
from unstuck.record import Recording
from unstuck.repair import Repair
from unstuck.report import Curve, Report
from unstuck.report.curves import COLOURS, SEVERE
from unstuck.report.explanation import parts
from unstuck.report.heat import COLUMNS, MARK, ROWS, draw, heat
from unstuck.report.html import page, sentence
from unstuck.report.page import document, frame, label
from unstuck.signals import Run, Series
from unstuck.sketch import plateau, sketch
from unstuck.verdict import Objective, Verdict, compare

MOST = 6_000_000
"""Bytes of any page."""
NASTY = "</script><img src=x onerror=alert(1)>\"'&`<b>$x$%{y}\x1b[2J\ud800\u202e"


class Page(HTMLParser):
    """What is in a page.

    Attributes:
        tags: Names and attributes of its elements, in their order.
        figures: Its pictures.
        said: Its text.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.figures: list[Any] = []
        self.said = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        tag, attributes = self.tags[-1] if self.tags else ("", {})
        if tag == "script" and attributes.get("type") == "application/json":
            self.figures.append(json.loads(data))
        elif tag not in ("script", "style"):
            self.said += data


def report(*runs: Run, **more: Any) -> Report:
    recording = Recording("run.db", runs, {"script": "train.py", "status": 0})
    return Report(recording, diagnose(recording, dated=False), **more)


def verdict(**more: Any) -> Verdict:
    objective = Objective("validation loss", steps=32)
    before, after = (2.3, 2.31, math.nan), (0.2, 0.21, 0.22)
    patch = "--- train.py\n+++ train.py\n@@ -1,2 +1,2 @@\n same\n-a = <b>\n+a = 2\n"
    return replace(
        Verdict(
            "fixed",
            ("use-relu", "use-adam=0.001"),
            objective,
            before,
            after,
            compare(objective, before, after),
            patch,
            steps=300,
            control_steps=100,
            changes=("Sigmoid -> ReLU",),
        ),
        **more,
    )


def curves() -> tuple[Curve, ...]:
    falling = Series(tuple(range(32)), tuple(2.3 / (1 + s) for s in range(32)))
    level = Series(tuple(range(32)), (2.3,) * 32)
    pairs = [(treated, seed) for seed in (1, 2, 3) for treated in (False, True)]
    compared = [Curve(treated, seed, falling if treated else level) for treated, seed in pairs]
    return (
        *compared,
        Curve(False, 0, level, level, whole=True),
        Curve(True, 0, falling, falling, True),
    )


@pytest.mark.parametrize("name", registry.obstacles())
def test_every_obstacle_has_a_page(name: str) -> None:
    shown = report(registry.obstacle(name).SICK)
    text = page(shown)
    read = Page(text)
    assert name in read.said.split("Training")[0]
    assert len(text) < MOST
    assert all(go.Figure(figure) for figure in read.figures)
    pictures = [attributes for _, attributes in read.tags if attributes.get("role") == "img"]
    ids = {attributes.get("id") for _, attributes in read.tags}
    assert len(pictures) == len(read.figures) >= 1
    assert all(attributes["aria-labelledby"] in ids for attributes in pictures)


def test_a_healthy_run_says_what_was_checked() -> None:
    shown = report(sketch())
    assert sentence(shown) == "Nothing found that stops this training"
    said = Page(page(shown)).said
    assert "What was checked" in said
    assert "gradient flow" in said


def test_a_fix_shows_proof_patch_and_trials() -> None:
    trials = [
        {"remedies": [], "settings": "control", "seed": 0, "steps": 32, "objective": 2.3},
        {
            "remedies": ["use-relu"],
            "settings": "use-relu",
            "seed": 1,
            "steps": 9,
            "objective": None,
        },
    ]
    trials = [{**trial, "status": "stopped"} for trial in trials]
    sick = registry.obstacle("vanishing-gradient").SICK
    shown = report(sick, verdict=verdict(), trials=trials, curves=curves())
    read = Page(page(shown))
    assert sentence(shown) == (
        "Fixed by use-relu + use-adam=0.001: validation loss 2.31 → 0.21 after 32 steps, "
        "proven on 3 seeds"
    )
    assert "as it is 2.3, 2.31, nan; patched 0.2, 0.21, 0.22" in read.said
    assert "as it is from 2.3 to 2.3; patched from 2.3 to 0.0719" in read.said
    assert "+a = 2" in read.said
    assert "use-relu" in read.said
    kinds = [attributes.get("class") for tag, attributes in read.tags if tag == "span"]
    assert kinds.count("added") == kinds.count("removed") == 1
    for status in ("no-fix-found", "nothing-to-fix"):
        other = report(sick, verdict=Verdict(status, notes=("tried: `a`",)), trials=trials)
        assert "Tried: a." in Page(page(other)).said


def test_nothing_and_little_can_be_shown() -> None:
    for runs in (
        (),
        (Run(),),
        (Run(steps=1),),
        (sketch(steps=1),),
        (sketch(loss=lambda s: math.nan),),
    ):
        assert "<h1>" in page(report(*runs))
    one = sketch(loss=lambda s: -1.0 if s % 2 else math.inf, depth=1)
    assert "not always a finite number" in page(report(one))


def test_names_are_data() -> None:
    sick = registry.obstacle("vanishing-gradient").SICK
    names = {la.name: NASTY + la.name for la in sick.layers}
    bad = replace(
        sick,
        layers=tuple(
            replace(la, name=names[la.name], location=Location(NASTY, 1)) for la in sick.layers
        ),
        series={(names.get(la, la), s): v for (la, s), v in sick.series.items()},
    )
    recording = Recording("run.db", (bad,), {"script": NASTY, "crashed": NASTY, "framework": NASTY})
    shown = Report(
        recording,
        [f.with_(message=NASTY, notes=(NASTY,)) for f in diagnose(recording, dated=False)],
        verdict(patch=NASTY, changes=(NASTY,), notes=(NASTY,), remedies=(NASTY,)),
        [{"remedies": [NASTY], "settings": NASTY, "seed": 0, "steps": 1, "status": NASTY}],
        curves=curves(),
    )
    text = page(shown)
    text.encode()
    assert "\x1b" not in text
    read = Page(text)
    assert not any(tag in ("img", "b") for tag, _ in read.tags)
    assert not any("onerror" in attributes for _, attributes in read.tags)
    assert sum(tag == "script" for tag, _ in read.tags) == len(read.figures) + 2
    assert "<img" not in json.dumps(read.figures), "Plotly reads HTML, too"
    assert Page(frame(text)).tags[0][1]["srcdoc"] == text


def test_labels_are_short_and_plain() -> None:
    assert label("a" * 500, 20) == "a" * 9 + "…" + "a" * 10
    assert label("<a href='http://x'>y</a>") == "&lt;a href='http://x'&gt;y&lt;/a&gt;"


def test_any_run_stays_small() -> None:
    """A million steps, 200 layers with endless names, several trainings, and then some."""
    steps = 1_000_000
    few = sketch(
        depth=230, steps=2000, loss=plateau, layers={"gradient_rms": lambda s: 1e-3 / (s + 1)}
    )
    names = {la.name: la.name + "name" * 100 for la in few.layers}
    far = {key: Series(tuple(500 * s for s in v.steps), v.values) for key, v in few.series.items()}
    loss = Series(tuple(range(steps)), tuple(map(plateau, range(2000))) * (steps // 2000))
    run = replace(
        few,
        steps=steps,
        layers=tuple(replace(la, name=names[la.name]) for la in few.layers),
        series={(names.get(la, la), s): v for (la, s), v in far.items()} | {("", "loss"): loss},
    )
    found = [
        Finding("dead-relu", "U201", Severity.ERROR, "x" * 9999, tuple(names.values()), run=n)
        for n in range(100)
    ]
    runs = tuple(replace(run, index=n) for n in range(5))
    text = page(Report(Recording("run.db", runs, {}), found))
    assert len(text.encode()) < MOST
    picture = heat(run, "gradient_rms", list(names.values()), {names["458"]})
    assert picture is not None
    assert len(picture.names) == ROWS
    assert names["458"] in picture.marked
    assert len(picture.steps) <= COLUMNS
    assert draw(picture).layout.shapes[0].y0 == picture.names.index(names["458"]) - 0.5


def test_the_page_asks_for_nothing() -> None:
    text = document("t", "h", '<div class="plot"></div>')
    outside = re.sub(r'<script type="application/gzip".*?</script>', "", text, flags=re.S)
    assert "http" not in outside.replace("http-equiv", "")
    assert "default-src 'none'" in text
    assert "connect-src" not in text


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours (WCAG 2.2)."""
    bright = []
    for colour in (one, other):
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        bright.append(sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True)))
    return (max(bright) + 0.05) / (min(bright) + 0.05)


def test_colours_can_be_read() -> None:
    sheet = files("unstuck.report").joinpath("page.css").read_text()
    pages = [dict(re.findall(r"--(\w+): (#\w+)", part)) for part in sheet.split(":root {")[1:]]
    assert len(pages) == 3, "light, dark and paper"
    for page_ in pages:
        for paper in ("paper", "card"):
            for ink in ("ink", "muted", "link", "error", "warning", "info", "ok"):
                assert contrast(page_[ink], page_[paper]) >= 4.5
        assert all(contrast(page_["ink"], page_[line]) >= 4.5 for line in ("added", "removed"))
        for line in (*COLOURS, *SEVERE.values(), MARK):
            assert contrast(line, page_["paper"]) >= 3
    assert all(contrast("#ffffff", mark) >= 4.5 for mark in SEVERE.values())


def test_docstrings_come_in_parts() -> None:
    found = parts(registry.obstacle("vanishing-gradient"))
    titles = [part.title for part in found]
    assert titles[:3] == ["", "What it does", "Why is this bad?"]
    assert found[-1].title == "References"
    assert "Hochreiter 1991" in found[-1].paragraphs[0]


def test_findings_and_fixes_show_themselves_in_a_notebook() -> None:
    shown = report(registry.obstacle("dead-relu").SICK)
    alone = Page(shown.findings[0]._repr_html_()).tags[0][1]["srcdoc"]
    assert alone is not None
    assert "dead-relu" in alone
    assert len(alone) < 50_000, "no picture, no Plotly"
    fixed = Repair([*shown.findings], verdict(), shown.recording, curves=curves())
    framed = Page(fixed._repr_html_()).tags[0][1]["srcdoc"]
    assert framed == page(fixed.report())
    assert "Fixed by use-relu" in Page(framed).said
    unmeasured = Repair([], Verdict("nothing-to-fix"), None)
    assert "No training was seen" in unmeasured._repr_html_()
