"""A report as a page: what it says, that names from a run are data, and that it stays small."""

from __future__ import annotations

import gzip
import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files
from typing import Any

import plotly.graph_objects as go
import pytest
from plotly.offline import get_plotlyjs_version

from unstuck import registry
from unstuck.diagnosis import diagnose
from unstuck.findings import Finding, Location, Severity
from unstuck.record import Recording
from unstuck.repair import Repair
from unstuck.report import Curve, Report, shares
from unstuck.report.curves import COLOURS, SEVERE
from unstuck.report.explanation import parts
from unstuck.report.heat import COLUMNS, MARK, ROWS, draw, heat
from unstuck.report.html import page, sentence
from unstuck.report.page import PLOTLY, document, frame, label
from unstuck.report.training import telling
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


@pytest.mark.parametrize("name", registry.obstacles())
def test_a_finding_has_one_telling_picture(name: str) -> None:
    """What it rests on over layers, else over steps, else the loss; each is in the report too."""
    shown = report(registry.obstacle(name).SICK)
    finding = next(f for f in shown.findings if f.obstacle == name)
    assert finding.training is not None
    read = Page(telling(finding, finding.training))
    (figure,) = read.figures
    (kind,) = {trace["type"] for trace in figure["data"]}
    stated = {key for key, value in finding.evidence.items() if isinstance(value, dict)}
    measured = {signal for layer, signal in finding.training.series if layer}
    assert (kind == "heatmap") == bool(stated & measured)
    if kind == "scatter":
        marks = [t for t in figure["data"] if t["name"] == "findings, where they began"]
        assert [name in text for text in marks[0]["customdata"]] == [True]
    titles = re.findall(r"<h3>(.*?)</h3>", page(shown))
    assert re.findall(r"<h3>(.*?)</h3>", telling(finding, finding.training))[0] in titles


def test_dead_units_are_shown_as_they_spread() -> None:
    """A box of the layers at each of a few steps, a point for each layer, the culprits marked."""
    dying = [lambda s, i=i: min(1.0, i * s / 100) for i in range(6)]
    run = sketch(depth=6, loss=plateau, layers={"dead_share": dying})
    shown = heat(run, "dead_share", [a.name for a in run.activations], {"11"})
    assert shown is not None
    columns = shares.columns(shown, {a.name: a.units for a in run.activations})
    assert len(columns) == shares.STEPS
    first, last = columns[0], columns[-1]
    assert (first.step, first.many, last.many) == (0, 0, 5)
    assert first.quartiles == (0, 0, 0, 0, 0)
    assert last.quartiles == (0, 1, 1, 1, 1)
    boxes = shares.draw(shown, columns).data
    assert [len(box.y) for box in boxes] == [6] * shares.STEPS
    assert {box.selectedpoints for box in boxes} == {(5,)}
    assert "about 64 of 64 units" in boxes[-1].text[5]
    said = Page(page(report(run))).said
    assert "0 of 6 layers are above one half at step 0, 5 of 6 at step 234" in said
    alone = replace(columns[0], names=("1",), values=(0.25,), units=(0,))
    assert alone.quartiles == (0.25,) * 5
    assert "spread over the layers" not in page(report(sketch(depth=shares.FEWEST - 1)))
    assert "spread over the layers" in page(report(sketch(depth=shares.FEWEST)))


def test_plotly_is_the_bundle_of_its_package() -> None:
    """The pictures' script is of the same release as the package that writes them."""
    packed = files("unstuck.report").joinpath(PLOTLY).read_bytes()
    text = gzip.decompress(packed).decode()
    release = re.search(r"plotly\.js .*v(\S+)", text[:300])
    assert release is not None
    assert release[1] == get_plotlyjs_version()
    assert len(packed) < 600_000


def largest() -> Run:
    """Return a run of a million steps and 200 hidden layers with endless names."""
    steps = 1_000_000
    few = sketch(
        depth=200, steps=2000, loss=plateau, layers={"gradient_rms": lambda s: 1e-3 / (s + 1)}
    )
    names = {la.name: la.name + "name" * 100 for la in few.layers}
    far = {key: Series(tuple(500 * s for s in v.steps), v.values) for key, v in few.series.items()}
    loss = Series(tuple(range(steps)), tuple(map(plateau, range(2000))) * (steps // 2000))
    return replace(
        few,
        steps=steps,
        layers=tuple(replace(la, name=names[la.name]) for la in few.layers),
        series={(names.get(la, la), s): v for (la, s), v in far.items()} | {("", "loss"): loss},
    )


def test_any_run_stays_small() -> None:
    """A long and deep one, several trainings, and then some."""
    run = largest()
    names = [la.name for la in run.layers]
    found = [
        Finding("dead-relu", "U201", Severity.ERROR, "x" * 9999, tuple(names), run=n)
        for n in range(100)
    ]
    runs = tuple(replace(run, index=n) for n in range(5))
    text = page(Report(Recording("run.db", runs, {}), found))
    assert len(text.encode()) < MOST
    last = names[-1]
    picture = heat(run, "gradient_rms", names, {last})
    assert picture is not None
    assert len(picture.names) == ROWS
    assert last in picture.marked
    assert len(picture.steps) <= COLUMNS
    assert draw(picture).layout.shapes[0].y0 == picture.names.index(last) - 0.5


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
    read = Page(alone)
    assert "dead-relu" in read.said
    (heat_map,) = read.figures
    assert heat_map in Page(page(shown)).figures, "the same picture as in the report"
    assert heat_map["layout"]["shapes"], "the culprit is marked"
    assert len(alone) < 1_000_000
    back = Finding.from_json(shown.findings[0].to_json())
    assert back == shown.findings[0].with_(evidence=back.evidence)
    assert not Page(Page(back._repr_html_()).tags[0][1]["srcdoc"] or "").figures
    fixed = Repair([*shown.findings], verdict(), shown.recording, curves=curves())
    framed = Page(fixed._repr_html_()).tags[0][1]["srcdoc"]
    assert framed == page(fixed.report())
    assert "Fixed by use-relu" in Page(framed).said
    unmeasured = Repair([], Verdict("nothing-to-fix"), None)
    assert "No training was seen" in unmeasured._repr_html_()
